import { AtelierError } from "../core/errors.ts";

/**
 * IEEE 754 half precision (1 sign bit, 5 of exponent, 10 of fraction) of each number, rounded to the nearest, ties to even.
 * @throws AtelierError for numbers beyond ±65504 and those that are not finite
 */
export function floatsToHalves(floats: Float32Array): Uint16Array {
  const halves = new Uint16Array(floats.length);
  for (let i = 0; i < floats.length; i++) {
    const size = Math.abs(floats[i]);
    // 65520 is halfway from the largest half to the next power of two: from there on it would be rounded up to infinity.
    if (!(size < 65520)) throw new AtelierError({ what: "A number has no half-precision value.", got: String(floats[i]) });
    const sign = floats[i] < 0 || Object.is(floats[i], -0) ? 0x8000 : 0;
    // Below 2^-14 steps are even; above, a step is 2^-10 of the power of two.
    const exponent = Math.max(-14, Math.floor(Math.log2(size)));
    const steps = roundHalfEven(size / 2 ** (exponent - 10));
    // A fraction that rounds up to the next power of two carries into the exponent by itself; a subnormal has exponent bits 0.
    halves[i] = sign | (steps < 1024 ? steps : ((exponent + 14) << 10) + steps);
  }
  return halves;
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
