import { describe, expect, test } from "vitest";
import { RandomStream } from "../core/random.ts";
import { collect } from "../graph/graph.ts";
import { reshape } from "../graph/ops/movement.ts";
import { input } from "../graph/ops/source.ts";
import { Trace, withTrace } from "../graph/trace.ts";
import { interpret } from "../runtime/interpreter.ts";
import { spread } from "../runtime/testing/check.ts";
import { namedParameters } from "./module.ts";
import { GRU, GRUCell, LSTM, LSTMCell, RNN, RNNCell } from "./recurrent.ts";

const rng = () => new RandomStream(0, "weights");
const sizes = { in: 3, hidden: 2 };
const x = input("x", [1, 4, 3]);

test("an LSTM cell fed with its own states walks through the layer's outputs", () => {
  const layer = new LSTM({ ...sizes, rng: rng() });
  const cell = new LSTMCell({ ...sizes, rng: rng() });
  const { outputs } = layer.call(x);
  let state = { h: input("h", [1, 2]), c: input("c", [1, 2]) };
  for (let step = 0; step < 4; step++) state = cell.call(reshape(x.slice(1, step, step + 1), [1, 3]), state);
  const feeds: Record<string, Float64Array | Float32Array> = { x: spread(12, [-1, 1], 0), h: new Float64Array(2), c: new Float64Array(2) };
  for (const module of [layer, cell]) for (const leaf of namedParameters(module).values()) feeds[String(leaf.node.attrs.name)] = leaf.data;
  const graph = collect([
    { name: "layer", tensor: outputs.slice(1, 3, 4) },
    { name: "cell", tensor: state.h },
  ]);
  const results = interpret(graph, feeds);
  results.cell.data.forEach((value, i) => {
    expect(results.layer.data[i]).toBeCloseTo(value, 12);
  });
});

test("dropout acts between layers while training, and only there", () => {
  const layer = new GRU({ ...sizes, numLayers: 3, dropout: 0.5, rng: rng() });
  const training = new Trace({ training: true });
  withTrace(training, () => layer.call(x));
  expect(training.draws.map((draw) => draw.tensor.shape)).toEqual([
    [4, 1, 2],
    [4, 1, 2],
  ]);
  const evaluation = new Trace({ training: false });
  withTrace(evaluation, () => layer.call(x));
  expect(evaluation.draws).toEqual([]);
});

describe("what recurrent layers refuse", () => {
  const layer = new LSTM({ ...sizes, rng: rng() });
  const state = input("s", [2, 1, 2]);
  test.each([
    ["another input size", () => layer.call(input("y", [1, 4, 5])), /an input \[B, T, 3\] was expected/],
    ["no time axis", () => new RNN({ ...sizes, rng: rng() }).call(input("y", [4, 3])), /an input \[B, T, 3\] was expected/],
    ["states of other layers", () => layer.call(x, { h: state, c: state }), /first state \[1, 1, 2\]/],
    ["dropout with one layer", () => new GRU({ ...sizes, dropout: 0.1, rng: rng() }), /there is one layer/],
    ["no units", () => new LSTM({ in: 3, hidden: 0, rng: rng() }), /hidden must be a whole number above 0/],
    ["a sequence for a cell", () => new GRUCell({ ...sizes, rng: rng() }).call(x, state), /an input \[B, 3\] was expected/],
    [
      "a state of another batch",
      () => new RNNCell({ ...sizes, rng: rng() }).call(input("y", [5, 3]), input("h", [4, 2])),
      /a state \[5, 2\] was expected/,
    ],
  ])("%s", (_what, build, message) => expect(build).toThrow(message));
});
