import { expect, test } from "vitest";
import { RandomStream } from "../core/random.ts";
import { exp, log, sqrt } from "../graph/ops/elementwise.ts";
import { constant } from "../graph/ops/source.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Linear, Module } from "../nn/index.ts";
import { openBackend } from "../runtime/node/open.ts";
import { type Objective, Trainer } from "./trainer.ts";

class Net extends Module {
  readonly hidden = new Linear({ in: 2, out: 3, rng: new RandomStream(1, "hidden") });
  readonly head = new Linear({ in: 3, out: 1, rng: new RandomStream(1, "head") });

  call(x: Tensor): Tensor {
    return this.head.call(this.hidden.call(x).tanh());
  }
}

const batch = Float32Array.of(1, 2, -3, 4, 0.5, -0.25, 0, 0);

/** What training says when the objective blows up; line numbers are not pinned. */
async function failure(
  objective: (net: Net, x: Tensor) => Tensor,
  change: { clipNorm?: number; x?: Float32Array; spoil?: (net: Net) => void } = {},
): Promise<string> {
  const net = new Net();
  const traced: Objective<"x"> = ({ x }) => objective(net, x);
  const { clipNorm = 0, x = batch, spoil } = change;
  const trainer = await Trainer.create({
    backend: await openBackend(),
    module: net,
    objective: traced,
    inputs: { x: { shape: [4, 2] } },
    clipNorm,
  });
  spoil?.(net);
  const before = trainer.parameters.values.slice();
  const error = await trainer.advance({ x }).catch((reason: Error) => reason);
  expect(trainer.parameters.values).toEqual(before);
  expect(trainer.step).toBe(0);
  await trainer.dispose();
  return `${error}`.replace(/at [^\n]*non-finite\.test\.ts:\d+:\d+\)?/, "at <this file>");
}

test("the logarithm of a negative number", async () => {
  expect(await failure((net, x) => log(net.call(x).sub(10)).mean())).toMatchInlineSnapshot(`
    "NotFiniteError: The loss is not finite at step 1.
      where:    first in log(f32[4,1]) -> f32[4,1] in layer "head", at <this file>
      got:      NaN for the term "loss"; there 4 of 4 elements: NaN; input 0 in [-9.7, -9.086]
      try:      keep its input above 0, for example with maximum(x, 1e-6); or lower the learning rate"
  `);
});

test("a division by zero", async () => {
  expect(
    await failure((net, x) =>
      net
        .call(x)
        .div(x.slice(1, 0, 1).sub(x.slice(1, 0, 1)))
        .mean(),
    ),
  ).toMatchInlineSnapshot(`
    "NotFiniteError: The loss is not finite at step 1.
      where:    first in div(f32[4,1], f32[4,1]) -> f32[4,1] in layer "head", at <this file>
      got:      Infinity for the term "loss"; there 4 of 4 elements: Infinity; input 0 in [0.2996, 0.9144]; input 1 in [0, 0]
      try:      keep the divisor away from 0; or lower the learning rate"
  `);
});

test("an exponential out of range", async () => {
  expect(await failure((net, x) => exp(net.hidden.call(x).mul(1000)).mean())).toMatchInlineSnapshot(`
    "NotFiniteError: The loss is not finite at step 1.
      where:    first in exp(f32[4,3]) -> f32[4,3] in layer "hidden", at <this file>
      got:      Infinity for the term "loss"; there 6 of 12 elements: Infinity; input 0 in [-2837, 3433]
      try:      its input is too large: limit it with clip, or work with logarithms; or lower the learning rate"
  `);
});

test("a gradient, where the loss itself is finite", async () => {
  expect(await failure((net, x) => sqrt(net.call(x).mul(0)).mean(), { clipNorm: 1 })).toMatchInlineSnapshot(`
    "NotFiniteError: The gradient is not finite at step 1.
      where:    first in div(f32[1,1], f32[4,1]) -> f32[4,1], made for sqrt in layer "head", at <this file>
      got:      a gradient's norm of NaN; there 4 of 4 elements: Infinity; input 0 in [0.125, 0.125]; input 1 in [0, 0]
      try:      keep its input above 0: its gradient at 0 is infinite; or lower the learning rate"
  `);
});

test("a batch that holds what is no number", async () => {
  const x = batch.slice();
  x[3] = Number.NaN;
  expect(await failure((net, value) => net.call(value).mean(), { x })).toMatchInlineSnapshot(`
    "NotFiniteError: The loss is not finite at step 1.
      where:    first in input "x" f32[4,2]
      got:      NaN for the term "loss"; there 1 of 8 elements: NaN
      try:      the batch itself is not finite: look at the data"
  `);
});

test("a weight that an earlier update spoiled", async () => {
  const spoil = (net: Net) => net.head.weight.data.fill(Number.NaN);
  expect(await failure((net, x) => net.call(x).mean(), { spoil })).toMatchInlineSnapshot(`
    "NotFiniteError: The loss is not finite at step 1.
      where:    first in parameter "head.weight" f32[1,3]
      got:      NaN for the term "loss"; there 3 of 3 elements: NaN
      try:      the gradient of step 0 was not finite: lower the learning rate or set clipNorm; ATELIER_DEBUG=1 stops before the update and names the operation"
  `);
});

test("infinities that a softmax takes away are not blamed", async () => {
  const mask = constant([0, Number.NEGATIVE_INFINITY, 0], "float32", [1, 3]);
  const text = await failure((net, x) => log(net.hidden.call(x).add(mask).softmax().sum(1).sub(1).mul(0).sub(1)).mean());
  expect(text).toContain("first in log(f32[4])");
});
