/** A small font for labels: the letters of 5 x 7 matrix displays, smoothed when enlarged. */

/** Cell of a character at scale 1: five columns and a gap, seven rows and one for descenders. */
export const CELL_WIDTH = 6;
export const CELL_HEIGHT = 8;

/** Printable ASCII from the space on: five columns each, two hexadecimal digits a column, the lowest bit at the top. */
const COLUMNS =
  "0000000000 00005f0000 0007000700 147f147f14 242a7f2a12 2313086462 3649562050 0008070300 001c224100 0041221c00 2a1c7f1c2a 08083e0808 " +
  "0080703000 0808080808 0000606000 2010080402 3e5149453e 00427f4000 7249494946 2141494d33 1814127f10 2745454539 3c4a494931 4121110907 " +
  "3649494936 464949291e 0000140000 0040340000 0008142241 1414141414 0041221408 0201590906 3e415d594e 7c1211127c 7f49494936 3e41414122 " +
  "7f4141413e 7f49494941 7f09090901 3e41415173 7f0808087f 00417f4100 2040413f01 7f08142241 7f40404040 7f021c027f 7f0408107f 3e4141413e " +
  "7f09090906 3e4151215e 7f09192946 2649494932 03017f0103 3f4040403f 1f2040201f 3f4038403f 6314081463 0304780403 6159494d43 007f414141 " +
  "0204081020 004141417f 0402010204 4040404040 0003070800 2054547840 7f28444438 3844444428 384444287f 3854545418 00087e0902 18a4a49c78 " +
  "7f08040478 00447d4000 2040403d00 7f10284400 00417f4000 7c04780478 7c08040478 3844444438 fc18242418 18242418fc 7c08040408 4854545424 " +
  "04043f4424 3c4040207c 1c2040201c 3c4030403c 4428102844 4c9090907c 4464544c44 0008364100 0000770000 0041360800 0201020402";

/** A square-celled black and white picture: 1 is ink. */
interface Bitmap {
  width: number;
  height: number;
  ink: Uint8Array;
}

const GLYPHS: readonly Bitmap[] = COLUMNS.split(" ").map((columns) => {
  const ink = new Uint8Array(CELL_WIDTH * CELL_HEIGHT);
  for (let x = 0; x < 5; x++) {
    const bits = Number.parseInt(columns.slice(2 * x, 2 * x + 2), 16);
    for (let y = 0; y < CELL_HEIGHT; y++) ink[y * CELL_WIDTH + x] = (bits >> y) & 1;
  }
  return enlarge(enlarge({ width: CELL_WIDTH, height: CELL_HEIGHT, ink }));
});

/** Twice the size with rounded corners: the Scale2x rule (Mazzoleni, 2001). */
function enlarge({ width, height, ink }: Bitmap): Bitmap {
  const at = (x: number, y: number) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : ink[y * width + x]);
  const large = new Uint8Array(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [up, left, right, down, centre] = [at(x, y - 1), at(x - 1, y), at(x + 1, y), at(x, y + 1), at(x, y)];
      const open = up !== down && left !== right;
      const to = 4 * y * width + 2 * x;
      large[to] = open && left === up ? left : centre;
      large[to + 1] = open && up === right ? right : centre;
      large[to + 2 * width] = open && left === down ? left : centre;
      large[to + 2 * width + 1] = open && down === right ? right : centre;
    }
  }
  return { width: 2 * width, height: 2 * height, ink: large };
}

const masks = new Map<string, Float32Array>();

/**
 * How much of each pixel a character covers, in [0, 1]: [CELL_HEIGHT · scale, CELL_WIDTH · scale]. Characters outside printable ASCII become "?".
 */
export function glyphMask(character: string, scale: number): Float32Array {
  const code = character.charCodeAt(0) - 32;
  const index = GLYPHS[code] === undefined ? "?".charCodeAt(0) - 32 : code;
  const key = `${index} ${scale}`;
  let mask = masks.get(key);
  if (mask === undefined) {
    mask = makeMask(GLYPHS[index], scale);
    masks.set(key, mask);
  }
  return mask;
}

/** Average of 4 x 4 points in each pixel. */
function makeMask(glyph: Bitmap, scale: number): Float32Array {
  const width = CELL_WIDTH * scale;
  const height = CELL_HEIGHT * scale;
  const mask = new Float32Array(width * height);
  for (let y = 0; y < 4 * height; y++) {
    for (let x = 0; x < 4 * width; x++) {
      mask[(y >> 2) * width + (x >> 2)] += glyph.ink[Math.floor(y / scale) * glyph.width + Math.floor(x / scale)] / 16;
    }
  }
  return mask;
}
