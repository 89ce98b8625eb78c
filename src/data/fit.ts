/** Pictures brought to the shape a model wants. */
import { UsageError } from "../core/errors.ts";
import { type DataCard, type ImageSet, type ImageShape, shapeProblem } from "./dataset.ts";

/**
 * The set with pictures of the wanted shape [C, H, W]; the set itself when it has that shape already.
 *
 * Colour to grey by Rec. 601 luma, grey to colour by repeating. Where the card says `pad` and the pictures are not larger, they are centred on
 * black. Otherwise they are scaled to cover the shape (area average when shrinking, linear when enlarging) and cropped to the centre.
 * @throws UsageError when the shape is not a picture's.
 */
export function fitImages(set: ImageSet, shape: ImageShape): ImageSet {
  const images = fitBytes(set.images, set.shape, shape, set.card.fit);
  return images === set.images ? set : { ...set, shape: [...shape], images };
}

/** As {@link fitImages}, of bytes [N, C, H, W] with the shape `from`; the bytes themselves when the shapes are the same. @throws UsageError */
export function fitBytes(bytes: Uint8Array, from: ImageShape, shape: ImageShape, fit: DataCard["fit"]): Uint8Array {
  const problem = shapeProblem(shape);
  if (problem !== undefined) throw new UsageError({ what: `Pictures cannot have this shape: ${problem}.`, got: `[${shape.join(", ")}]` });
  const [, height, width] = from;
  let images = bytes;
  if (shape[0] !== from[0]) images = shape[0] === 1 ? toGrey(images, height * width) : toColour(images, height * width);
  if (shape[1] === height && shape[2] === width) return images;
  const planes = images.length / (height * width);
  const pads = fit === "pad" && height <= shape[1] && width <= shape[2];
  return pads ? padPlanes(images, planes, from, shape) : coverPlanes(images, planes, from, shape);
}

/** Rec. 601 luma, rounded: 0.299 R + 0.587 G + 0.114 B in 16-bit fixed point. */
function toGrey(images: Uint8Array, area: number): Uint8Array {
  const grey = new Uint8Array(images.length / 3);
  for (let from = 0, to = 0; from < images.length; from += 3 * area, to += area) {
    for (let i = 0; i < area; i++) {
      const sum = 19595 * images[from + i] + 38470 * images[from + area + i] + 7471 * images[from + 2 * area + i];
      grey[to + i] = (sum + 32768) >> 16;
    }
  }
  return grey;
}

function toColour(images: Uint8Array, area: number): Uint8Array {
  const colour = new Uint8Array(images.length * 3);
  for (let from = 0; from < images.length; from += area) {
    const plane = images.subarray(from, from + area);
    for (let channel = 0; channel < 3; channel++) colour.set(plane, 3 * from + channel * area);
  }
  return colour;
}

/** An odd pixel of padding goes to the bottom and the right. */
function padPlanes(images: Uint8Array, planes: number, [, h, w]: ImageShape, [, height, width]: ImageShape): Uint8Array {
  const padded = new Uint8Array(planes * height * width);
  const top = (height - h) >> 1;
  const left = (width - w) >> 1;
  for (let plane = 0; plane < planes; plane++) {
    for (let y = 0; y < h; y++) {
      const from = (plane * h + y) * w;
      const to = (plane * height + top + y) * width + left;
      for (let x = 0; x < w; x++) padded[to + x] = images[from + x];
    }
  }
  return padded;
}

/** Separable scaling: rows first, then columns, each output pixel a weighted sum of a few neighbours. */
function coverPlanes(images: Uint8Array, planes: number, [, h, w]: ImageShape, [, height, width]: ImageShape): Uint8Array {
  const scale = Math.max(height / h, width / w);
  const columns = resampling(w, width, scale);
  const rows = resampling(h, height, scale);
  const result = new Uint8Array(planes * height * width);
  const across = new Float32Array(h * width);
  for (let plane = 0; plane < planes; plane++) {
    const base = plane * h * w;
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < width; x++) across[y * width + x] = columns.at(images, base + y * w, 1, x);
    }
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) result[(plane * height + y) * width + x] = Math.round(rows.at(across, x, width, y));
    }
  }
  return result;
}

/** The weights that take a line of `from` pixels, scaled by `scale` and cropped to its centre, to `to` pixels. */
function resampling(from: number, to: number, scale: number) {
  const first = new Int32Array(to);
  const weights: Float32Array[] = [];
  const step = 1 / scale;
  const start = (from - to * step) / 2;
  for (let i = 0; i < to; i++) {
    const left = Math.max(0, start + i * step);
    const right = Math.min(from, start + (i + 1) * step);
    const taps = scale < 1 ? areaTaps(left, right) : linearTaps(start + (i + 0.5) * step - 0.5, from);
    first[i] = taps.first;
    weights.push(Float32Array.from(taps.weights));
  }
  return {
    at(line: ArrayLike<number>, offset: number, stride: number, index: number): number {
      const taps = weights[index];
      let position = offset + first[index] * stride;
      let sum = 0;
      for (let k = 0; k < taps.length; k++, position += stride) sum += taps[k] * line[position];
      return sum;
    },
  };
}

/** How much of [left, right) each pixel covers, as shares of one. */
function areaTaps(left: number, right: number): { first: number; weights: number[] } {
  const first = Math.floor(left + 1e-6);
  const last = Math.max(first + 1, Math.ceil(right - 1e-6));
  const covered = Array.from({ length: last - first }, (_, k) => Math.min(right, first + k + 1) - Math.max(left, first + k));
  const sum = covered.reduce((a, b) => a + b, 0);
  return { first, weights: covered.map((share) => share / sum) };
}

/** The two pixels around a centre, weighted by nearness; one at the border. */
function linearTaps(centre: number, from: number): { first: number; weights: number[] } {
  const inside = Math.min(Math.max(centre, 0), from - 1);
  const first = Math.floor(inside);
  const share = inside - first;
  return share === 0 ? { first, weights: [1] } : { first, weights: [1 - share, share] };
}
