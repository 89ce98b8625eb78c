import { AtelierError } from "../core/errors.ts";
import type { RandomStream } from "../core/random.ts";
import { Parameter } from "../graph/leaf.ts";
import { linear } from "../graph/ops/linalg.ts";
import { concat, full, reshape } from "../graph/ops/movement.ts";
import { sameShape, shapeError } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Dropout } from "./dropout.ts";
import { torchDefault } from "./init.ts";
import { requireSize } from "./module.ts";

// What recurrent layers share: weights under PyTorch's names, and the way from layer to layer and direction to direction.

/** The weights of one direction of one layer; G gates of H units each, stacked. */
export interface CellWeights {
  /** [G·H, in] */
  readonly inputWeight: Parameter;
  /** [G·H, H] */
  readonly hiddenWeight: Parameter;
  /** [G·H]; undefined without biases. */
  readonly inputBias: Parameter | undefined;
  readonly hiddenBias: Parameter | undefined;
}

export interface CellOptions {
  /** Size of the input's last axis. */
  in: number;
  /** Units of the hidden state, H. */
  hidden: number;
  /** Default true. PyTorch has two biases, of the input and of the hidden state. */
  bias?: boolean;
  rng: RandomStream;
}

export interface RecurrentOptions extends CellOptions {
  /** Layers on top of each other. Default 1. */
  numLayers?: number;
  /** Also run from the last step to the first; outputs of both directions are joined. Default false. */
  bidirectional?: boolean;
  /** Probability of zeroing an element between layers while training. Default 0. */
  dropout?: number;
}

/** The four parameters of a cell by PyTorch's names: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh` and a suffix. All U(-1/√H, 1/√H). */
export function cellWeights(layer: string, gates: number, options: CellOptions, suffix = ""): [CellWeights, Record<string, Parameter>] {
  const { in: size, hidden, bias = true, rng } = options;
  requireSize(layer, "in", size);
  requireSize(layer, "hidden", hidden);
  const make = (shape: number[]) => new Parameter(shape, torchDefault(shape, { fanIn: hidden, fanOut: hidden }, rng));
  const rows = gates * hidden;
  const weights: CellWeights = {
    inputWeight: make([rows, size]),
    hiddenWeight: make([rows, hidden]),
    inputBias: bias ? make([rows]) : undefined,
    hiddenBias: bias ? make([rows]) : undefined,
  };
  const named: Record<string, Parameter> = { [`weight_ih${suffix}`]: weights.inputWeight, [`weight_hh${suffix}`]: weights.hiddenWeight };
  if (weights.inputBias !== undefined) named[`bias_ih${suffix}`] = weights.inputBias;
  if (weights.hiddenBias !== undefined) named[`bias_hh${suffix}`] = weights.hiddenBias;
  return [weights, named];
}

/** x Wᵀ plus both biases, for all rows at once: [..., in] -> [..., G·H]. */
export function projected(x: Tensor, { inputWeight, inputBias, hiddenBias }: CellWeights): Tensor {
  return linear(x, inputWeight, inputBias && hiddenBias && inputBias.add(hiddenBias));
}

/** One direction of one layer: x [T, B, in] and first states [B, H] each to outputs [T, B, H] and last states. */
export type Direction = (
  x: Tensor,
  states: readonly Tensor[],
  weights: CellWeights,
  reverse: boolean,
) => { outputs: Tensor; states: readonly Tensor[] };

/** Layers of cells: all weights, and the walk through them. */
export class RecurrentStack {
  readonly named: Record<string, Parameter> = {};
  readonly #name: string;
  readonly #options: RecurrentOptions;
  readonly #cells: CellWeights[] = [];
  readonly #directions: number;
  readonly #dropout: Dropout;

  constructor(name: string, gates: number, options: RecurrentOptions) {
    const { numLayers = 1, bidirectional = false, hidden, dropout = 0 } = options;
    requireSize(name, "numLayers", numLayers);
    if (dropout > 0 && numLayers === 1)
      throw new AtelierError({
        what: `${name}: dropout acts between layers, and there is one layer.`,
        hint: "use a Dropout layer on the outputs, or more layers",
      });
    this.#name = name;
    this.#options = options;
    this.#directions = bidirectional ? 2 : 1;
    this.#dropout = new Dropout(dropout);
    for (let layer = 0; layer < numLayers; layer++) {
      for (let direction = 0; direction < this.#directions; direction++) {
        const size = layer === 0 ? options.in : hidden * this.#directions;
        const suffix = `_l${layer}${direction === 1 ? "_reverse" : ""}`;
        const [weights, named] = cellWeights(name, gates, { ...options, in: size }, suffix);
        this.#cells.push(weights);
        Object.assign(this.named, named);
      }
    }
  }

  /**
   * @param x [B, T, in]
   * @param initial first states, [layers · directions, B, H] each; zeros where undefined
   * @returns outputs [B, T, directions · H] and last states, like `initial`
   * @throws ShapeError
   */
  call(x: Tensor, initial: readonly (Tensor | undefined)[], run: Direction): { outputs: Tensor; states: readonly Tensor[] } {
    const { in: size, hidden } = this.#options;
    if (x.rank !== 3 || x.shape[2] !== size) throw shapeError(this.#name, [x], `an input [B, T, ${size}] was expected`);
    const batch = x.shape[0];
    const wanted = [this.#cells.length, batch, hidden];
    for (const state of initial)
      if (state !== undefined && !sameShape(state.shape, wanted))
        throw shapeError(this.#name, [state], `a first state [${wanted.join(", ")}] was expected: layers · directions, batch, units`);
    const first = initial.map((state) => state ?? full(wanted, 0));
    const last: Tensor[][] = initial.map(() => []);
    let sequence = x.transpose([1, 0, 2]);
    for (let at = 0; at < this.#cells.length; at += this.#directions) {
      if (at > 0 && this.#dropout.probability > 0) sequence = this.#dropout.call(sequence);
      const below = sequence;
      const sides = this.#cells.slice(at, at + this.#directions).map((weights, direction) => {
        const states = first.map((state) => reshape(state.slice(0, at + direction, at + direction + 1), [batch, hidden]));
        const side = run(below, states, weights, direction === 1);
        side.states.forEach((state, i) => {
          last[i].push(reshape(state, [1, batch, hidden]));
        });
        return side.outputs;
      });
      sequence = concat(sides, 2);
    }
    return { outputs: sequence.transpose([1, 0, 2]), states: last.map((states) => concat(states, 0)) };
  }
}
