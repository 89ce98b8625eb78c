import type { Parameter } from "../graph/leaf.ts";
import { linear } from "../graph/ops/linalg.ts";
import { scan } from "../graph/ops/scan.ts";
import { chunk, split } from "../graph/ops/split.ts";
import { sameShape, shapeError } from "../graph/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Module } from "./module.ts";
import { type CellOptions, type CellWeights, cellWeights, projected, type RecurrentOptions, RecurrentStack } from "./recurrent-weights.ts";

// Recurrent layers with PyTorch's equations, gate order and parameter names. The input's part of every gate is one product for the whole
// sequence; inside the loop only the hidden state's part is left.

/** The two states of an LSTM. */
export interface LSTMState {
  /** What the layer gives out. */
  h: Tensor;
  /** The cells. */
  c: Tensor;
}

/**
 * i, f, g, o from the stacked gates [B, 4H]: c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c'). (Hochreiter and Schmidhuber 1997; Gers et al. 2000.)
 * @param c [B, H]
 * @throws ShapeError
 */
export function lstmStep(gates: Tensor, c: Tensor): LSTMState {
  const [i, f, g, o] = chunk(gates, 4, -1);
  const cell = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
  return { h: o.sigmoid().mul(cell.tanh()), c: cell };
}

/**
 * A whole sequence through an LSTM's recurrence, from gates that hold the input's part already.
 * @param gates [T, B, 4H] in the order i, f, g, o, biases included
 * @param hiddenWeight [4H, H]
 * @param initial [B, H] each
 * @returns hidden states [T, B, H] and the last states
 */
export function lstmSequence(
  gates: Tensor,
  hiddenWeight: Tensor,
  initial: LSTMState,
  reverse = false,
): { outputs: Tensor; last: LSTMState } {
  const { carry, outputs } = scan(
    ([h, c], [x]) => {
      const next = lstmStep(x.add(linear(h, hiddenWeight)), c);
      return { carry: [next.h, next.c], outputs: [next.h] };
    },
    { init: [initial.h, initial.c], xs: [gates], reverse },
  );
  return { outputs: outputs[0], last: { h: carry[0], c: carry[1] } };
}

/**
 * r, z, n from the input's part [B, 3H] and the hidden state's [B, 3H]: n = tanh(n_x + σ(r) n_h), h' = n + σ(z) (h - n).
 * (Cho et al. 2014, with the reset gate after the product, as PyTorch has it.)
 * @param h [B, H]
 * @throws ShapeError
 */
export function gruStep(fromInput: Tensor, fromHidden: Tensor, h: Tensor): Tensor {
  const units = h.shape[1];
  const [gatesX, newX] = split(fromInput, [2 * units, units], -1);
  const [gatesH, newH] = split(fromHidden, [2 * units, units], -1);
  const [r, z] = chunk(gatesX.add(gatesH).sigmoid(), 2, -1);
  const n = newX.add(r.mul(newH)).tanh();
  return n.add(z.mul(h.sub(n)));
}

/**
 * A whole sequence through a GRU's recurrence, from gates that hold the input's part already.
 * @param gates [T, B, 3H] in the order r, z, n, the input's biases included
 * @param hiddenWeight [3H, H]
 * @param hiddenBias [3H]
 * @param initial [B, H]
 * @returns hidden states [T, B, H] and the last state
 */
export function gruSequence(
  gates: Tensor,
  { hiddenWeight, hiddenBias }: Pick<CellWeights, "hiddenWeight" | "hiddenBias">,
  initial: Tensor,
  reverse = false,
): { outputs: Tensor; last: Tensor } {
  const { carry, outputs } = scan(
    ([h], [x]) => {
      const next = gruStep(x, linear(h, hiddenWeight, hiddenBias), h);
      return { carry: [next], outputs: [next] };
    },
    { init: [initial], xs: [gates], reverse },
  );
  return { outputs: outputs[0], last: carry[0] };
}

export interface RNNCellOptions extends CellOptions {
  /** Default tanh. */
  nonlinearity?: "tanh" | "relu";
}

export interface RNNOptions extends RecurrentOptions {
  /** Default tanh. */
  nonlinearity?: "tanh" | "relu";
}

/** x [B, in] and states [B, H], or an error that says so. */
function requireStep(layer: string, x: Tensor, states: readonly Tensor[], { in: size, hidden }: CellOptions): void {
  if (x.rank !== 2 || x.shape[1] !== size) throw shapeError(layer, [x], `an input [B, ${size}] was expected`);
  for (const state of states)
    if (!sameShape(state.shape, [x.shape[0], hidden]))
      throw shapeError(layer, [x, state], `a state [${x.shape[0]}, ${hidden}] was expected`);
}

/** One step of an {@link LSTM}, for generation. Parameters `weight_ih` [4H, in], `weight_hh` [4H, H], `bias_ih` and `bias_hh` [4H]. */
export class LSTMCell extends Module {
  readonly [name: `weight_${string}` | `bias_${string}`]: Parameter;
  readonly #weights: CellWeights;
  readonly #options: CellOptions;

  constructor(options: CellOptions) {
    super();
    const [weights, named] = cellWeights("LSTMCell", 4, options);
    this.#weights = weights;
    this.#options = options;
    Object.assign(this, named);
  }

  /** x [B, in], states [B, H] each -> states [B, H] each. @throws ShapeError */
  call(x: Tensor, { h, c }: LSTMState): LSTMState {
    requireStep("LSTMCell", x, [h, c], this.#options);
    return lstmStep(projected(x, this.#weights).add(linear(h, this.#weights.hiddenWeight)), c);
  }
}

/** One step of a {@link GRU}, for generation. Parameters `weight_ih` [3H, in], `weight_hh` [3H, H], `bias_ih` and `bias_hh` [3H]. */
export class GRUCell extends Module {
  readonly [name: `weight_${string}` | `bias_${string}`]: Parameter;
  readonly #weights: CellWeights;
  readonly #options: CellOptions;

  constructor(options: CellOptions) {
    super();
    const [weights, named] = cellWeights("GRUCell", 3, options);
    this.#weights = weights;
    this.#options = options;
    Object.assign(this, named);
  }

  /** x [B, in], h [B, H] -> [B, H]. @throws ShapeError */
  call(x: Tensor, h: Tensor): Tensor {
    requireStep("GRUCell", x, [h], this.#options);
    const { inputWeight, inputBias, hiddenWeight, hiddenBias } = this.#weights;
    return gruStep(linear(x, inputWeight, inputBias), linear(h, hiddenWeight, hiddenBias), h);
  }
}

/** One step of an {@link RNN}, for generation. Parameters `weight_ih` [H, in], `weight_hh` [H, H], `bias_ih` and `bias_hh` [H]. */
export class RNNCell extends Module {
  readonly [name: `weight_${string}` | `bias_${string}`]: Parameter;
  readonly #weights: CellWeights;
  readonly #options: RNNCellOptions;

  constructor(options: RNNCellOptions) {
    super();
    const [weights, named] = cellWeights("RNNCell", 1, options);
    this.#weights = weights;
    this.#options = options;
    Object.assign(this, named);
  }

  /** x [B, in], h [B, H] -> [B, H]. @throws ShapeError */
  call(x: Tensor, h: Tensor): Tensor {
    requireStep("RNNCell", x, [h], this.#options);
    const total = projected(x, this.#weights).add(linear(h, this.#weights.hiddenWeight));
    return this.#options.nonlinearity === "relu" ? total.relu() : total.tanh();
  }
}

/**
 * Long short-term memory, PyTorch's `LSTM(batch_first=True)`. Parameters `weight_ih_l0` [4H, in], `weight_hh_l0` [4H, H], `bias_ih_l0`,
 * `bias_hh_l0` [4H] and so on for each layer, with `_reverse` for the second direction; gates in the order i, f, g, o.
 */
export class LSTM extends Module {
  readonly [name: `weight_${string}` | `bias_${string}`]: Parameter;
  readonly #stack: RecurrentStack;

  constructor(options: RecurrentOptions) {
    super();
    this.#stack = new RecurrentStack("LSTM", 4, options);
    Object.assign(this, this.#stack.named);
  }

  /**
   * @param x [B, T, in]
   * @param initial zeros when left out; `h` and `c` of shape [layers · directions, B, H]
   * @returns outputs [B, T, directions · H] of the last layer, and the last states of all layers, shaped like `initial`
   * @throws ShapeError
   */
  call(x: Tensor, initial?: LSTMState): { outputs: Tensor; state: LSTMState } {
    const { outputs, states } = this.#stack.call(x, [initial?.h, initial?.c], (sequence, [h, c], weights, reverse) => {
      const side = lstmSequence(projected(sequence, weights), weights.hiddenWeight, { h, c }, reverse);
      return { outputs: side.outputs, states: [side.last.h, side.last.c] };
    });
    return { outputs, state: { h: states[0], c: states[1] } };
  }
}

/** Gated recurrent units, PyTorch's `GRU(batch_first=True)`. Parameters as {@link LSTM} has them, with 3H rows in the order r, z, n. */
export class GRU extends Module {
  readonly [name: `weight_${string}` | `bias_${string}`]: Parameter;
  readonly #stack: RecurrentStack;

  constructor(options: RecurrentOptions) {
    super();
    this.#stack = new RecurrentStack("GRU", 3, options);
    Object.assign(this, this.#stack.named);
  }

  /** x [B, T, in], initial [layers · directions, B, H] -> outputs [B, T, directions · H], last states like `initial`. @throws ShapeError */
  call(x: Tensor, initial?: Tensor): { outputs: Tensor; state: Tensor } {
    const { outputs, states } = this.#stack.call(x, [initial], (sequence, [first], weights, reverse) => {
      const { inputWeight, inputBias } = weights;
      const side = gruSequence(linear(sequence, inputWeight, inputBias), weights, first, reverse);
      return { outputs: side.outputs, states: [side.last] };
    });
    return { outputs, state: states[0] };
  }
}

/** The plain recurrent layer (Elman 1990), PyTorch's `RNN(batch_first=True)`: h' = tanh(W x + b + U h + d). Parameters as {@link LSTM} has them, with H rows. */
export class RNN extends Module {
  readonly [name: `weight_${string}` | `bias_${string}`]: Parameter;
  readonly #stack: RecurrentStack;
  readonly #relu: boolean;

  constructor(options: RNNOptions) {
    super();
    this.#stack = new RecurrentStack("RNN", 1, options);
    this.#relu = options.nonlinearity === "relu";
    Object.assign(this, this.#stack.named);
  }

  /** x [B, T, in], initial [layers · directions, B, H] -> outputs [B, T, directions · H], last states like `initial`. @throws ShapeError */
  call(x: Tensor, initial?: Tensor): { outputs: Tensor; state: Tensor } {
    const { outputs, states } = this.#stack.call(x, [initial], (sequence, [first], weights, reverse) => {
      const side = scan(
        ([h], [slice]) => {
          const total = slice.add(linear(h, weights.hiddenWeight));
          const next = this.#relu ? total.relu() : total.tanh();
          return { carry: [next], outputs: [next] };
        },
        { init: [first], xs: [projected(sequence, weights)], reverse },
      );
      return { outputs: side.outputs[0], states: side.carry };
    });
    return { outputs, state: states[0] };
  }
}
