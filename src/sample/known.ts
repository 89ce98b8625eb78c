/** Which pixels of a picture are given, for in-painting. */
import { UsageError } from "../core/errors.ts";

/** The half of a picture that is given. */
export const halves = ["top", "bottom", "left", "right"] as const;
export type Half = (typeof halves)[number];

/** [height, width], 1 in the named half. The odd line belongs to the half that is painted. */
export function knownHalf(half: Half, height: number, width: number): Uint8Array {
  const inside: Record<Half, (y: number, x: number) => boolean> = {
    top: (y) => y < height >> 1,
    bottom: (y) => y >= height - (height >> 1),
    left: (_y, x) => x < width >> 1,
    right: (_y, x) => x >= width - (width >> 1),
  };
  return Uint8Array.from({ length: height * width }, (_, i) => (inside[half](Math.floor(i / width), i % width) ? 1 : 0));
}

/**
 * [height, width] out of a grey mask picture: known where it is brighter than the middle.
 * @param mask [height · width], intensity in [0, 1]
 * @throws UsageError when every pixel is known, or none
 */
export function knownFromMask(mask: ArrayLike<number>, where?: string): Uint8Array {
  const known = Uint8Array.from(mask, (value) => (value > 0.5 ? 1 : 0));
  const count = known.reduce((sum, value) => sum + value, 0);
  if (count > 0 && count < known.length) return known;
  throw new UsageError({
    what: count === 0 ? "The mask has no known pixel: nothing is given." : "The mask knows every pixel: nothing is left to paint.",
    where,
    expected: "white where the picture is kept, black where the model paints",
  });
}

/**
 * Put the known pixels of `given` back into `painted`, in place, so that they come back exactly.
 * @param painted [N, C, H, W], as `given`
 * @param known [N, H, W]
 * @param shape [N, C, H, W]
 */
export function keepKnown(
  painted: Float32Array,
  given: Float32Array,
  known: Uint8Array,
  [, channels, height, width]: readonly [number, number, number, number],
): void {
  const area = height * width;
  for (let i = 0; i < painted.length; i++) {
    const picture = Math.floor(i / (area * channels));
    if (known[picture * area + (i % area)] === 1) painted[i] = given[i];
  }
}
