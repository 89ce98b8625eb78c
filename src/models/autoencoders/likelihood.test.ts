import { beforeAll, describe, expect, it } from "vitest";
import { RandomStreams } from "../../core/streams.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Rng } from "../../graph/trace.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { greyBernoulli, importanceBound, observed, reconstructionNats, repeated } from "./likelihood.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

async function run(
  inputs: Record<string, { shape: number[]; data: readonly number[] }>,
  build: (inputs: Record<string, Tensor>, rng: Rng) => Record<string, Tensor>,
): Promise<Record<string, number[]>> {
  const program = await compile(backend, build, { inputs, streams: new RandomStreams(4) });
  for (const [name, { data }] of Object.entries(inputs)) program.inputs[name].set(data as never);
  const values = await program.run();
  const results = Object.fromEntries(Object.entries(values).map(([name, array]) => [name, Array.from(array as Float32Array)]));
  await program.dispose();
  return results;
}

/** A line of standard normal codes z with x = z + noise of variance s: p(x) = N(0, 1 + s), p(z|x) = N(x / (1 + s), s / (1 + s)). */
const s = 0.25;
const xs = Array.from({ length: 400 }, (_, i) => [-1.2, 0, 0.3, 2.5][i % 4]);
const exact = xs.map((x) => -0.5 * ((x * x) / (1 + s) + Math.log(2 * Math.PI * (1 + s))));

/** The bound of log p(x) with q(z|x) = N(x · scale, exp(logVar)). */
async function bounds(samples: number, scale: number, logVar: number): Promise<number[]> {
  const { bound } = await run({ x: { shape: [xs.length, 1], data: xs } }, ({ x }, rng) => ({
    bound: importanceBound({
      mean: x.mul(scale),
      logVar: x.mul(0).add(logVar),
      samples,
      nats: (codes, times) =>
        codes
          .sub(repeated(x, times))
          .square()
          .mul(0.5 / s)
          .add(0.5 * Math.log(2 * Math.PI * s))
          .sum(1),
      rng,
    }),
  }));
  return bound;
}

describe("importanceBound", () => {
  it("is log p(x) for any number of samples where q is the true posterior", async () => {
    for (const samples of [1, 10, 23]) {
      const found = await bounds(samples, 1 / (1 + s), Math.log(s / (1 + s)));
      found.forEach((value, i) => {
        expect(value).toBeCloseTo(exact[i], 4);
      });
    }
  });

  it("rises towards log p(x) with more samples where q is not", async () => {
    const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
    const gaps = [];
    for (const samples of [1, 10, 500]) gaps.push(mean(exact) - mean(await bounds(samples, 0.6, Math.log(0.4))));
    expect(gaps[0]).toBeGreaterThan(gaps[1]);
    expect(Math.abs(gaps[2])).toBeLessThan(0.05);
  });
});

describe("observed", () => {
  it("draws dots with the intensities as probabilities, and keeps black and white", async () => {
    const data = [0, 1, ...new Array<number>(998).fill(0.3)];
    const { dots, again } = await run({ images: { shape: [1, 1, 1, 1000], data } }, ({ images }, rng) => ({
      dots: observed(images, { ...greyBernoulli, binarize: true }, rng),
      again: observed(images, greyBernoulli, rng),
    }));
    expect(dots.slice(0, 2)).toEqual([0, 1]);
    expect(new Set(dots)).toEqual(new Set([0, 1]));
    expect(dots.reduce((a, b) => a + b) / 1000).toBeCloseTo(0.3, 1);
    expect(again).toEqual(data.map(Math.fround));
  });
});

describe("reconstructionNats", () => {
  it("is the negative log density of a Gaussian around the logits' sigmoid", async () => {
    const [logits, target, deviation] = [[-1, 0.5, 3], [0.2, 0.9, 1], 0.3];
    const { nats } = await run(
      { logits: { shape: [1, 3, 1, 1], data: logits }, target: { shape: [1, 3, 1, 1], data: target } },
      ({ logits, target }) => ({ nats: reconstructionNats(logits, target, { ...greyBernoulli, likelihood: "gaussian", deviation }) }),
    );
    const expected = logits.map((logit, i) => {
      const off = (target[i] - 1 / (1 + Math.exp(-logit))) / deviation;
      return 0.5 * off * off + Math.log(deviation * Math.sqrt(2 * Math.PI));
    });
    expect(nats[0]).toBeCloseTo(
      expected.reduce((a, b) => a + b),
      4,
    );
  });
});
