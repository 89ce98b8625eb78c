// What users are told when a layer, a loss or a training step is given a wrong rank, size or dtype.
import { describe, expect, test } from "vitest";
import type { DType, Shape } from "../../src/core/dtype.ts";
import { AtelierError } from "../../src/core/errors.ts";
import { RandomStream } from "../../src/core/random.ts";
import { input } from "../../src/graph/ops/source.ts";
import { Trace, withTrace } from "../../src/graph/trace.ts";
import * as nn from "../../src/nn/index.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { layerCases, withoutInput } from "./layer-cases.ts";
import { steady } from "./steady.ts";

const rng = new RandomStream(0, "layers");
const size = { in: 3, out: 4, rng };

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
  test("all of them are tried", () => {
    const isLayer = (value: unknown) => typeof value === "function" && value.prototype instanceof nn.Module;
    const exported = Object.entries(nn).flatMap(([name, value]) => (isLayer(value) ? [name] : []));
    expect([...Object.keys(layerCases), ...withoutInput].sort()).toEqual(exported.sort());
  });

  test.each(Object.entries(layerCases))("%s", (_name, { call, shape, dtype = "float32" }) => {
    const attempt = (given: { shape: Shape; dtype: DType }) =>
      outcome(() => withTrace(new Trace({ training: true }), () => call(input("x", given.shape, given.dtype))));
    expect(attempt({ shape, dtype })).toBe("taken");
    const told = Object.entries(mistakes).map(([mistake, change]) => [mistake, attempt(change({ shape, dtype }))]);
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
