import { AtelierError } from "../../core/errors.ts";
import { cos, sin } from "../../graph/ops/elementwise.ts";
import { rotary } from "../../graph/ops/rotary.ts";
import { constant } from "../../graph/ops/source.ts";
import type { Tensor } from "../../graph/tensor.ts";

/** How rotary frequencies were stretched to reach further than the network was first trained for. */
export type RopeScaling =
  /** All positions divided by `factor` (Chen et al. 2023). */
  | { readonly kind: "linear"; readonly factor: number }
  /** Llama 3.1: long waves are stretched by `factor`, short ones not, those between in proportion. */
  | { readonly kind: "llama3"; readonly factor: number; readonly low: number; readonly high: number; readonly originalContext: number };

/** Angular frequencies ω_i = base^(-2i / size), size / 2 of them, scaled where asked for. (Su et al. 2021, Eq. 15.) */
export function ropeFrequencies(size: number, base: number, scaling?: RopeScaling): number[] {
  if (size < 2 || size % 2 !== 0)
    throw new AtelierError({ what: "Rotary positions turn pairs: the width of a head must be even.", got: String(size) });
  const plain = Array.from({ length: size / 2 }, (_, i) => base ** ((-2 * i) / size));
  if (scaling === undefined) return plain;
  if (scaling.kind === "linear") return plain.map((w) => w / scaling.factor);
  const { factor, low, high, originalContext } = scaling;
  return plain.map((w) => {
    // How many whole waves fit into the original context.
    const waves = (originalContext * w) / (2 * Math.PI);
    if (waves < low) return w / factor;
    if (waves > high) return w;
    const share = (waves - low) / (high - low);
    return ((1 - share) * w) / factor + share * w;
  });
}

/** Turns queries and keys by their positions, all layers by the same angles: "rotate half", pair i is elements i and i + D / 2. */
export class Rotation {
  readonly cos: Tensor;
  readonly sin: Tensor;

  /** @param positions how many from 0 on, or [B, T] of integers */
  constructor(frequencies: readonly number[], positions: number | Tensor) {
    if (typeof positions === "number") {
      const count = frequencies.length;
      const of = (f: (angle: number) => number) =>
        constant(
          Float32Array.from({ length: positions * count }, (_, i) => f(Math.floor(i / count) * frequencies[i % count])),
          "float32",
          [positions, count],
        );
      this.cos = of(Math.cos);
      this.sin = of(Math.sin);
    } else {
      const angles = positions
        .cast("float32")
        .reshape([...positions.shape, 1])
        .mul(constant(frequencies));
      this.cos = cos(angles);
      this.sin = sin(angles);
    }
  }

  /** x [B, n, T, D] -> the same shape. @throws ShapeError */
  call(x: Tensor): Tensor {
    return rotary(x, this.cos, this.sin);
  }
}
