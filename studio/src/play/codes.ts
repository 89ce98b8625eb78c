/** Codes: fresh ones, and places between four. */
import { slerp } from "../../../src/sample/interpolate.ts";
import type { Play } from "./extras.ts";

/** A standard normal number (Box and Muller). Not of the library's streams: what a hand finds is not drawn again by a seed. */
function normal(): number {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

/** A code to begin with: drawn from the prior, or that of a held-out picture where there is no prior. @returns undefined where there is neither */
export function freshCode({ opened, extras }: Play): Float32Array | undefined {
  const { codeSize, normalCodes } = opened.about;
  if (normalCodes) return Float32Array.from({ length: codeSize }, normal);
  const { examples } = extras;
  return examples === undefined ? undefined : exampleCode(extras.examples!, Math.floor(Math.random() * examples.count), codeSize);
}

/** The code of one held-out picture. */
export function exampleCode({ codes }: { readonly codes: Float32Array }, index: number, size: number): Float32Array {
  return codes.slice(index * size, (index + 1) * size);
}

/**
 * A code between four: at the lower left, lower right, upper left and upper right corner of a square.
 * @param x 0 to 1, to the right
 * @param y 0 to 1, upwards
 * @param round whether codes are normal: the mixture is then scaled so that it is as long as normal codes are
 */
export function between(corners: readonly Float32Array[], x: number, y: number, round: boolean): Float32Array {
  const weights = [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
  const scale = round ? 1 / Math.hypot(...weights) : 1;
  return Float32Array.from(corners[0], (_, i) => scale * weights.reduce((sum, weight, k) => sum + weight * corners[k][i], 0));
}

/** A code on the way from one to another: along the arc where codes are normal, else straight. */
export function onTheWay(from: Float32Array, to: Float32Array, t: number, round: boolean): Float32Array {
  return round ? slerp(from, to, t) : Float32Array.from(from, (value, i) => (1 - t) * value + t * to[i]);
}

/** codes [count, Z] one after the other */
export function joined(codes: readonly Float32Array[]): Float32Array {
  const result = new Float32Array(codes.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const code of codes) {
    result.set(code, at);
    at += code.length;
  }
  return result;
}
