import { describe, expect, test } from "vitest";
import { RandomStream } from "../../src/core/random.ts";
import { input } from "../../src/graph/ops/source.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import * as nn from "../../src/nn/index.ts";
import { spread } from "../../src/runtime/testing/check.ts";
import { expectResults, type StoredResults, slices } from "./slices.ts";

const makers = {
  LSTM: nn.LSTM,
  GRU: nn.GRU,
  RNN: nn.RNN,
  LSTMCell: nn.LSTMCell,
  GRUCell: nn.GRUCell,
  RNNCell: nn.RNNCell,
};

interface RecurrentCase extends StoredResults {
  layer: keyof typeof makers;
  options: nn.RecurrentOptions & nn.RNNOptions;
  /** Whether first states are given. */
  states: boolean;
  /** PyTorch's names in PyTorch's order. */
  parameters: string[];
}

/** Outputs, then last states, in PyTorch's order. */
function run({ layer, states: given }: RecurrentCase, module: nn.Module, x: Tensor, states: Tensor[]): Tensor[] {
  const pair = { h: states[0], c: states[1] };
  if (module instanceof nn.LSTM) {
    const { outputs, state } = module.call(x, given ? pair : undefined);
    return [outputs, state.h, state.c];
  }
  if (module instanceof nn.GRU || module instanceof nn.RNN) {
    const { outputs, state } = module.call(x, states[0]);
    return [outputs, state];
  }
  if (module instanceof nn.LSTMCell) {
    const { h, c } = module.call(x, pair);
    return [h, c];
  }
  if (module instanceof nn.GRUCell || module instanceof nn.RNNCell) return [module.call(x, states[0])];
  throw new Error(layer);
}

describe("recurrent layers are PyTorch's", () => {
  test.each(
    slices<RecurrentCase>("recurrent").map((slice) => [`${slice.layer} ${JSON.stringify(slice.options)} ${slice.states}`, slice] as const),
  )("%s", async (what, slice) => {
    const module = new makers[slice.layer]({ ...slice.options, rng: new RandomStream(0, "layer") });
    const parameters = nn.namedParameters(module);
    expect([...parameters.keys()]).toEqual(slice.parameters);
    [...parameters.values()].forEach((parameter, i) => {
      parameter.data.set(spread(parameter.size, [-0.8, 0.8], 40 + i));
    });
    const cell = slice.layer.endsWith("Cell");
    const rows = (slice.options.numLayers ?? 1) * (slice.options.bidirectional ? 2 : 1);
    const x = input("x", cell ? [2, 3] : [2, 4, 3]);
    const count = slice.states ? (slice.layer.startsWith("LSTM") ? 2 : 1) : 0;
    const states = Array.from({ length: count }, (_, i) => input(`s${i}`, cell ? [2, 2] : [rows, 2, 2]));
    const feeds = Object.fromEntries(
      [x, ...states].map((t, i) => [String(t.node.attrs.name), Float32Array.from(spread(t.size, [-1, 1], i))]),
    );
    for (const parameter of parameters.values()) feeds[String(parameter.node.attrs.name)] = parameter.data as Float32Array<ArrayBuffer>;
    await expectResults(what, run(slice, module, x, states), [x, ...states, ...parameters.values()], feeds, slice);
  });
});
