import { beforeAll, describe, expect, test } from "vitest";
import { RandomStreams } from "../../core/streams.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import type { SampleContext } from "../model.ts";
import type { SdeConfig } from "./sde.ts";
import { type SdeSampling, samplerFields, sampleSde } from "./sde-samplers.ts";
import { gaussian, gaussianModel } from "./testing/gaussian.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

const count = 4000;

async function draw(settings: Partial<SdeConfig>, sampling: SdeSampling, seed = 0): Promise<Float32Array[]> {
  const streams = new RandomStreams(seed);
  const compileSample: SampleContext["compile"] = (build, options) => compile(backend, build, { ...options, streams });
  const frames: Float32Array[] = [];
  for await (const frame of sampleSde(gaussianModel(settings), sampling, [2], { count, compile: compileSample })) frames.push(frame);
  return frames;
}

/** Means, deviations and correlation. */
function moments(points: Float32Array) {
  const column = (i: number) => Array.from({ length: count }, (_, n) => points[2 * n + i]);
  const columns = [column(0), column(1)];
  const means = columns.map((values) => values.reduce((a, b) => a + b) / count);
  const product = (i: number, j: number) => columns[i].reduce((sum, v, n) => sum + (v - means[i]) * (columns[j][n] - means[j]), 0) / count;
  const deviations = [Math.sqrt(product(0, 0)), Math.sqrt(product(1, 1))];
  return { means, deviations, correlation: product(0, 1) / deviations[0] / deviations[1] };
}

const equations: [string, Partial<SdeConfig>][] = [
  ["vp", {}],
  ["subvp", { sde: "subvp" }],
  ["ve", { sde: "ve", sigmaMax: 20 }],
];
const ways: [string, Partial<SdeSampling>][] = [
  ["reverse", {}],
  ["reverse with a corrector", { correctorSteps: 1 }],
  ["ancestral", { sampler: "ancestral" }],
  ["euler", { sampler: "euler" }],
  ["ode", { sampler: "ode", steps: 25 }],
];

describe.each(equations)("%s", (_equation, settings) => {
  test.each(ways)("%s gives the mean and the covariance of the data", async (_way, change) => {
    const sampling: SdeSampling = { sampler: "reverse", steps: 200, correctorSteps: 0, snr: 0.16, ...change };
    const frames = await draw(settings, sampling);
    expect(frames.length).toBe(sampling.steps);
    const { means, deviations, correlation } = moments(frames.at(-1)!);
    gaussian.mean.forEach((mean, i) => {
      expect(Math.abs(means[i] - mean)).toBeLessThan(0.08 * gaussian.deviation[i] + 0.01);
      expect(Math.abs(deviations[i] / gaussian.deviation[i] - 1)).toBeLessThan(0.08);
    });
    expect(Math.abs(correlation)).toBeLessThan(0.07);
  });
});

test("Langevin steps alone, at falling noise, come to the data too", async () => {
  const frames = await draw({ sde: "ve", sigmaMax: 5 }, { sampler: "langevin", steps: 60, correctorSteps: 20, snr: 0.16 });
  const { means, deviations } = moments(frames.at(-1)!);
  gaussian.mean.forEach((mean, i) => {
    expect(Math.abs(means[i] - mean)).toBeLessThan(0.15 * gaussian.deviation[i]);
    expect(Math.abs(deviations[i] / gaussian.deviation[i] - 1)).toBeLessThan(0.2);
  });
});

test("the way without noise depends on its start alone, and equal seeds give equal bits", async () => {
  const ode: SdeSampling = { sampler: "ode", steps: 10, correctorSteps: 0, snr: 0.16 };
  const [a, b, c] = [await draw({}, ode), await draw({}, ode), await draw({}, ode, 1)];
  expect(a.at(-1)).toEqual(b.at(-1));
  expect(a.at(-1)).not.toEqual(c.at(-1));
});

test("numbers of steps and signal-to-noise ratios out of range are refused", () => {
  expect(samplerFields.steps.safeParse(0).success).toBe(false);
  expect(samplerFields.correctorSteps.safeParse(-1).success).toBe(false);
  expect(samplerFields.snr.safeParse(0).success).toBe(false);
});
