import { base64ToBytes } from "../../../../src/studio/generate.ts";

/** Pictures at one moment of their making: [count, C, H, W] as bytes. */
export interface Frame {
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A frame as the server sent it. */
export function frameOf({ shape, data }: { shape: readonly number[]; data: string }): Frame {
  return { shape, bytes: base64ToBytes(data) };
}

/** Points at one moment: [count, D]. */
export function pointsOf(data: string): Float32Array {
  return new Float32Array(base64ToBytes(data).buffer);
}

/** Draw one picture of a frame on a canvas of its size. */
export function drawFrame(canvas: HTMLCanvasElement, { shape, bytes }: Frame, index: number): void {
  const [, channels, height, width] = shape;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  if (context === null) return;
  const area = width * height;
  const image = context.createImageData(width, height);
  const start = index * channels * area;
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = bytes[start + (channels === 1 ? 0 : c) * area + i];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
