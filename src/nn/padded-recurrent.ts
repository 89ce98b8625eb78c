import { linear } from "../graph/ops/linalg.ts";
import { concat, full } from "../graph/ops/movement.ts";
import { constant } from "../graph/ops/source.ts";
import { sameShape, shapeError } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Module } from "./module.ts";
import { gruSequence, lstmSequence } from "./recurrent.ts";
import { type CellOptions, type CellWeights, cellWeights, projected } from "./recurrent-weights.ts";

/** Added to gates at padding: their sigmoids are then exactly 0 or 1. */
const saturated = 1e4;

export interface PaddedRecurrentOptions extends CellOptions {
  cell: "gru" | "lstm";
}

/**
 * One recurrent layer in both directions over sequences of different lengths, padded at their ends: what a sequence gives does not depend on how much
 * padding follows it. Padding works on the gates, so that the loop stays that of {@link GRU} and {@link LSTM}: a GRU keeps its state there (z = 1), an
 * LSTM lets nothing in (i = 0), so that coming from the end it begins at the last real step as from zero. Parameters are named as PyTorch's bidirectional
 * layer names them.
 */
export class PaddedRecurrent extends Module {
  readonly [name: `weight_${string}` | `bias_${string}`]: CellWeights["inputWeight"];
  readonly #weights: readonly CellWeights[];
  readonly #options: PaddedRecurrentOptions;

  constructor(options: PaddedRecurrentOptions) {
    super();
    const gates = options.cell === "gru" ? 3 : 4;
    const [forward, named] = cellWeights("PaddedRecurrent", gates, options, "_l0");
    const [backward, others] = cellWeights("PaddedRecurrent", gates, options, "_l0_reverse");
    this.#weights = [forward, backward];
    this.#options = options;
    Object.assign(this, named, others);
  }

  /**
   * @param x [B, T, in]
   * @param padding [B, T], 1 where a step is padding and 0 where it is not; padding is at the end, and the first step is none
   * @returns outputs [B, T, 2H], of no use at padding; `first` [B, H], the backward direction's state at the first step, which has read everything
   * @throws ShapeError
   */
  call(x: Tensor, padding: Tensor): { outputs: Tensor; first: Tensor } {
    const { in: size, hidden, cell } = this.#options;
    if (x.rank !== 3 || x.shape[2] !== size || !sameShape(padding.shape, x.shape.slice(0, 2)))
      throw shapeError("PaddedRecurrent", [x, padding], `an input [B, T, ${size}] and padding [B, T] were expected`);
    const [B, T] = x.shape;
    const sequence = x.transpose([1, 0, 2]);
    // [T, B, G·H]: what padding adds to the gates.
    const shift = padding
      .transpose()
      .reshape([T, B, 1])
      .mul(constant(saturation(cell, hidden)));
    const zeros = full([B, hidden], 0);
    const sides = this.#weights.map((weights, direction) => {
      const reverse = direction === 1;
      if (cell === "gru")
        return gruSequence(linear(sequence, weights.inputWeight, weights.inputBias).add(shift), weights, zeros, reverse).outputs;
      return lstmSequence(projected(sequence, weights).add(shift), weights.hiddenWeight, { h: zeros, c: zeros }, reverse).outputs;
    });
    return { outputs: concat(sides, 2).transpose([1, 0, 2]), first: sides[1].slice(0, 0, 1).reshape([B, hidden]) };
  }
}

/** By gate: of r, z, n the z goes up; of i, f, g, o the i goes down. */
function saturation(cell: "gru" | "lstm", hidden: number): Float32Array {
  const [gates, at, value] = cell === "gru" ? [3, 1, saturated] : [4, 0, -saturated];
  return new Float32Array(gates * hidden).fill(value, at * hidden, (at + 1) * hidden);
}
