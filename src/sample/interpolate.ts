/** Ways between two codes. */
import { ShapeError } from "../core/errors.ts";

/** A way between two codes: straight, or along the arc. */
export type Path = "linear" | "spherical";

/** (1 - t) a + t b. */
export function lerp(from: ArrayLike<number>, to: ArrayLike<number>, t: number): Float32Array {
  requireSameSize(from, to);
  return Float32Array.from(from, (value, i) => (1 - t) * value + t * to[i]);
}

/**
 * Along the great arc between the two directions, the lengths blended with it (White, "Sampling generative networks", 2016, arXiv:1609.04468, section 2.1;
 * Shoemake, "Animating rotation with quaternion curves", 1985): sin((1 - t) ω) / sin ω · a + sin(t ω) / sin ω · b. Codes of a Gaussian prior lie near a
 * sphere, and the straight way between two leaves it. Straight where the directions agree, are opposite, or one code is zero.
 */
export function slerp(from: ArrayLike<number>, to: ArrayLike<number>, t: number): Float32Array {
  requireSameSize(from, to);
  let [dot, fromSquare, toSquare] = [0, 0, 0];
  for (let i = 0; i < from.length; i++) {
    dot += from[i] * to[i];
    fromSquare += from[i] ** 2;
    toSquare += to[i] ** 2;
  }
  const angle = Math.acos(Math.min(1, Math.max(-1, dot / Math.sqrt(fromSquare * toSquare))));
  const sine = Math.sin(angle);
  if (!(sine > 1e-6)) return lerp(from, to, t);
  const [a, b] = [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine];
  return Float32Array.from(from, (value, i) => a * value + b * to[i]);
}

/** `steps` codes from the first to the last, both included: [steps, Z]. @throws ShapeError when the two differ in size */
export function interpolateCodes(from: ArrayLike<number>, to: ArrayLike<number>, steps: number, path: Path = "linear"): Float32Array {
  const codes = new Float32Array(steps * from.length);
  const way = path === "linear" ? lerp : slerp;
  for (let i = 0; i < steps; i++) codes.set(way(from, to, steps === 1 ? 0 : i / (steps - 1)), i * from.length);
  return codes;
}

function requireSameSize(from: ArrayLike<number>, to: ArrayLike<number>): void {
  if (from.length !== to.length)
    throw new ShapeError({ what: "Only codes of one size can be blended.", got: `${from.length} and ${to.length}` });
}
