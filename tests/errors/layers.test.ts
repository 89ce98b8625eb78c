// What users are told when a layer, a loss or a training step is given a wrong rank, size or dtype.
import { describe, expect, test } from "vitest";
import type { DType, Shape } from "../../src/core/dtype.ts";
import { AtelierError } from "../../src/core/errors.ts";
import { RandomStream } from "../../src/core/random.ts";
import { input } from "../../src/graph/ops/source.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { Trace, withTrace } from "../../src/graph/trace.ts";
import * as nn from "../../src/nn/index.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { steady } from "./steady.ts";

const rng = new RandomStream(0, "layers");
const size = { in: 3, out: 4, rng };

interface Callable {
  call(x: Tensor): Tensor;
}

interface LayerCase {
  layer: Callable;
  /** What it takes. */
  shape: Shape;
  dtype?: DType;
}

/** One of each layer, with an input that fits. */
const layers: Record<string, LayerCase> = {
  Linear: { layer: new nn.Linear(size), shape: [2, 3] },
  Conv2d: { layer: new nn.Conv2d({ ...size, kernel: 3 }), shape: [1, 3, 5, 5] },
  ConvTranspose2d: { layer: new nn.ConvTranspose2d({ ...size, kernel: 3, stride: 2 }), shape: [1, 3, 5, 5] },
  BatchNorm: { layer: new nn.BatchNorm({ channels: 3 }), shape: [2, 3, 4] },
  LayerNorm: { layer: new nn.LayerNorm({ width: 3 }), shape: [2, 3] },
  Embedding: { layer: new nn.Embedding({ count: 5, width: 3, rng }), shape: [2, 4], dtype: "int32" },
  Dropout: { layer: new nn.Dropout(0.5), shape: [2, 3] },
  Sequential: { layer: new nn.Sequential(new nn.Linear(size), nn.gelu, new nn.Linear({ in: 4, out: 1, rng })), shape: [2, 3] },
};

/** Wrong inputs, by what a user would call them. */
const mistakes: Record<string, (good: { shape: Shape; dtype: DType }) => { shape: Shape; dtype: DType }> = {
  "another dtype": ({ shape, dtype }) => ({ shape, dtype: dtype === "float32" ? "int32" : "float32" }),
  "one number only": ({ dtype }) => ({ shape: [], dtype }),
  "without the batch axis": ({ shape, dtype }) => ({ shape: shape.slice(1), dtype }),
  "an axis too many": ({ shape, dtype }) => ({ shape: [2, ...shape], dtype }),
  "a second axis too long": ({ shape, dtype }) => ({ shape: shape.map((dim, i) => (i === 1 ? dim + 1 : dim)), dtype }),
  "a last axis too long": ({ shape, dtype }) => ({ shape: shape.map((dim, i) => (i === shape.length - 1 ? dim + 1 : dim)), dtype }),
  "nothing in it": ({ shape, dtype }) => ({ shape: shape.map(() => 0), dtype }),
};

/** What is told, or `taken`. */
function outcome(build: () => unknown): string {
  try {
    build();
    return "taken";
  } catch (error) {
    expect(error).toBeInstanceOf(AtelierError);
    return steady((error as Error).message);
  }
}

describe("a layer tells what is wrong with its input", () => {
  test.each(Object.entries(layers))("%s", (_name, { layer, shape, dtype = "float32" }) => {
    const call = (given: { shape: Shape; dtype: DType }) => () =>
      withTrace(new Trace({ training: true }), () => layer.call(input("x", given.shape, given.dtype)));
    expect(outcome(call({ shape, dtype }))).toBe("taken");
    const told = Object.entries(mistakes).map(([mistake, change]) => [mistake, outcome(call(change({ shape, dtype })))]);
    expect(Object.fromEntries(told)).toMatchSnapshot();
  });
});

describe("a layer tells what it cannot be made of", () => {
  const bad: Record<string, () => unknown> = {
    "Linear without inputs": () => new nn.Linear({ ...size, in: 0 }),
    "Linear of half an output": () => new nn.Linear({ ...size, out: 1.5 }),
    "Conv2d whose channels do not divide": () => new nn.Conv2d({ ...size, kernel: 3, groups: 2 }),
    "BatchNorm of no channels": () => new nn.BatchNorm({ channels: Number.NaN }),
    "LayerNorm of a negative width": () => new nn.LayerNorm({ width: -1 }),
    "Embedding without rows": () => new nn.Embedding({ count: 0, width: 3, rng }),
    "Dropout of everything": () => new nn.Dropout(1),
  };
  test.each(Object.entries(bad))("%s", (_name, make) => {
    const told = outcome(make);
    expect(told).not.toBe("taken");
    expect(told).toMatchSnapshot();
  });
});

describe("a loss tells what is wrong with its target", () => {
  const x = input("x", [2, 3]);
  const other = input("y", [2, 4]);
  const bad: Record<string, () => unknown> = {
    squaredError: () => nn.squaredError(x, other),
    meanSquaredError: () => nn.meanSquaredError(x, other),
    binaryCrossEntropy: () => nn.binaryCrossEntropy(x, other),
    gaussianKl: () => nn.gaussianKl(x, other),
    "squaredError with integers": () => nn.squaredError(x, input("y", [2, 3], "int32")),
    "crossEntropy with labels of another batch": () => nn.crossEntropy(x, input("labels", [3], "int32")),
    "crossEntropy with float labels": () => nn.crossEntropy(x, input("labels", [2])),
    "crossEntropy with one-hot labels": () => nn.crossEntropy(x, x),
  };
  test.each(Object.entries(bad))("%s", (_name, build) => {
    const told = outcome(build);
    expect(told).not.toBe("taken");
    expect(told).toMatchSnapshot();
  });
});

test("in a model that is trained, the parameter is named", async () => {
  const head = new nn.Linear(size);
  const module = new nn.Sequential(new nn.Linear({ in: 2, out: 5, rng }), head);
  const backend = await openBackend();
  const failed = Trainer.create({ backend, module, objective: ({ x }) => module.call(x).mean(), inputs: { x: { shape: [7, 2] } } });
  const error = await failed.catch((reason: Error) => reason);
  expect(steady((error as Error).message)).toMatchSnapshot();
});
