/** Pictures of numbers as pictures of pixels. */

/** Numbers in [0, 1], one picture after the other: [count, C, H, W]. */
export interface PictureRows {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Columns that make a grid of `count` pictures about as wide as high. */
export function columnsOf(count: number): number {
  return Math.ceil(Math.sqrt(count));
}

/** Write pictures into a canvas, one pixel a number, with a transparent line between two. Grey ones have C = 1, coloured ones 3. */
export function paintGrid(
  canvas: HTMLCanvasElement,
  { data, shape: [count, channels, height, width] }: PictureRows,
  columns: number,
): void {
  const rows = Math.ceil(count / columns);
  canvas.width = columns * (width + 1) - 1;
  canvas.height = rows * (height + 1) - 1;
  const image = new ImageData(canvas.width, canvas.height);
  const area = height * width;
  for (let n = 0; n < count; n++) {
    const [left, top] = [(n % columns) * (width + 1), Math.floor(n / columns) * (height + 1)];
    for (let i = 0; i < area; i++) {
      const at = 4 * ((top + Math.floor(i / width)) * canvas.width + left + (i % width));
      for (let c = 0; c < 3; c++) image.data[at + c] = 255 * data[(n * channels + (channels === 1 ? 0 : c)) * area + i];
      image.data[at + 3] = 255;
    }
  }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}

/** The pixels of an image file, cut to a square where the model's pictures are, in [0, 1]: [1, C, H, W]. @throws DOMException for a file that is no picture */
export async function readPicture(file: Blob, [channels, height, width]: readonly number[]): Promise<PictureRows> {
  const bitmap = await createImageBitmap(file);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("This browser draws no pictures.");
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(
    bitmap,
    (width - scale * bitmap.width) / 2,
    (height - scale * bitmap.height) / 2,
    scale * bitmap.width,
    scale * bitmap.height,
  );
  const pixels = context.getImageData(0, 0, width, height).data;
  const area = height * width;
  const data = new Float32Array(channels * area);
  for (let i = 0; i < area; i++) {
    const [red, green, blue] = [pixels[4 * i] / 255, pixels[4 * i + 1] / 255, pixels[4 * i + 2] / 255];
    // Luma of ITU-R BT.601, as the library's own reading of pictures has it.
    if (channels === 1) data[i] = 0.299 * red + 0.587 * green + 0.114 * blue;
    else
      data.set(
        [red, green, blue].map((value) => value),
        3 * i,
      );
  }
  return { data: channels === 1 ? data : planes(data, area), shape: [1, channels, height, width] };
}

/** [pixel][channel] -> [channel][pixel] */
function planes(data: Float32Array, area: number): Float32Array {
  const result = new Float32Array(data.length);
  for (let i = 0; i < area; i++) for (let c = 0; c < 3; c++) result[c * area + i] = data[3 * i + c];
  return result;
}
