import { beforeAll, describe, expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { RandomStreams } from "../../core/streams.ts";
import { adam } from "../../optim/adam.ts";
import { cosine } from "../../optim/schedule.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { Trainer } from "../../train/trainer.ts";
import type { Batch } from "../model.ts";
import { scoreOf } from "./probability-flow.ts";
import { boundNats, objective, ScoreSde, type ScoreSdeConfig, sample, scoreSde } from "./score-sde.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

const toy = { ...scoreSde.presets.toy.config, units: 32, layers: 1 };
const [mean, deviation] = [0.8, 0.4];

/** A model after `steps` steps on points of N(0.8, 0.4²) in the plane. */
async function trained(config: ScoreSdeConfig, steps: number): Promise<ScoreSde> {
  const model = new ScoreSde(config, new RandomStream(0, "net"));
  const batch = 256;
  const trainer = await Trainer.create({
    backend,
    module: model,
    objective: ({ points }, rng) => objective(model, { points } as Batch, rng),
    inputs: { points: { shape: [batch, 2] } },
    optimizer: adam(),
    learningRate: 5e-3,
    schedule: cosine(steps),
  });
  const stream = new RandomStream(0, "points");
  for (let i = 0; i < steps; i++)
    await trainer.advance({ points: Float32Array.from({ length: 2 * batch }, () => mean + deviation * stream.normal()) });
  await trainer.dispose();
  return model;
}

describe.each<[string, Partial<ScoreSdeConfig>]>([
  ["vp by likelihood", {}],
  ["ve by likelihood", { sde: "ve", sigmaMax: 10 }],
  ["subvp by noise", { sde: "subvp", weighting: "noise" }],
])("%s, trained on a Gaussian", (_name, change) => {
  let model: ScoreSde;
  beforeAll(async () => {
    model = await trained({ ...toy, ...change }, 600);
  });

  test("has the Gaussian's score at every degree of noise", async () => {
    const count = 500;
    const program = await compile(
      backend,
      ({ start, t }, rng) => {
        const [m, s] = [model.sde.scale(t), model.sde.deviation(t)];
        const column = [count, 1];
        const x = start.mul(m.reshape(column)).add(rng.normal("z", [count, 2]).mul(s.reshape(column)));
        // p_t is N(m · 0.8, m² 0.4² + σ²).
        const variance = m
          .square()
          .mul(deviation ** 2)
          .add(s.square());
        const wanted = x.sub(m.mul(mean).reshape(column)).div(variance.reshape(column)).neg();
        const size = variance.sqrt().reshape(column);
        return { error: scoreOf(model, x, t).sub(wanted).mul(size).square().mean() };
      },
      { inputs: { start: { shape: [count, 2] }, t: { shape: [count] } } },
    );
    const stream = new RandomStream(1, "held out");
    for (const t of [0.05, 0.3, 0.9]) {
      const start = Float32Array.from({ length: 2 * count }, () => mean + deviation * stream.normal());
      const { error } = await program.run({ start, t: new Float32Array(count).fill(t) });
      // The score itself has mean square 1 in these units.
      expect(Number(error[0]), `t = ${t}`).toBeLessThan(0.1);
    }
    await program.dispose();
  });

  test("knows the density of points, below which its bound on -log p does not lie", async () => {
    const count = 500;
    const inputs = { points: { shape: [count, 2] } };
    const density = await compile(backend, ({ points }) => ({ log: scoreSde.logDensity!(model, points) }), { inputs });
    const bounds = await compile(backend, ({ points }, rng) => ({ bound: boundNats(model, points, rng) }), { inputs });
    const stream = new RandomStream(2, "held out");
    const points = Float32Array.from({ length: 2 * count }, () => mean + deviation * stream.normal());
    const average = (values: ArrayLike<number | bigint>) => Array.from(values, Number).reduce((a, b) => a + b) / count;
    const nats = -average((await density.run({ points })).log);
    const perNumber = (x: number) => 0.5 * ((x - mean) / deviation) ** 2 + Math.log(deviation * Math.sqrt(2 * Math.PI));
    const truth = points.reduce((sum, x) => sum + perNumber(x), 0) / count;
    let bound = 0;
    for (let round = 0; round < 20; round++) bound += average((await bounds.run({ points })).bound) / 20;
    await Promise.all([density.dispose(), bounds.dispose()]);
    expect(Math.abs(nats - truth)).toBeLessThan(0.1);
    expect(bound).toBeGreaterThan(nats - 0.1); // it is drawn, and has its own spread
    expect(bound).toBeLessThan(nats + 0.5);
  });

  test("draws points with the Gaussian's mean and deviation", async () => {
    const [count, streams] = [1000, new RandomStreams(0)];
    let data = new Float32Array();
    const frames: number[] = [];
    const options = { steps: 60, correctorSteps: 1 };
    for await (const points of sample(model, { count, options, compile: (build, more) => compile(backend, build, { ...more, streams }) })) {
      expect(points.shape).toEqual([count, 2]);
      data = points.data as Float32Array<ArrayBuffer>;
      frames.push(data.length);
    }
    expect(frames.length).toBe(60);
    const centre = data.reduce((a, b) => a + b) / data.length;
    const spread = Math.sqrt(data.reduce((sum, v) => sum + (v - centre) ** 2, 0) / data.length);
    expect(Math.abs(centre - mean)).toBeLessThan(0.08);
    expect(Math.abs(spread / deviation - 1)).toBeLessThan(0.15);
  });
});

test("a picture's bytes are counted: the bound of a blank network on flat pictures is near that of a standard normal number a pixel", async () => {
  const config = { ...scoreSde.presets.smoke.config, odeSteps: 0 };
  const model = new ScoreSde(config, new RandomStream(0, "net"));
  const program = await compile(backend, ({ images }, rng) => scoreSde.metrics(model, { images } as Batch, rng), {
    inputs: { images: { shape: [2000, 1, 8, 8] } },
  });
  const { bound, boundBitsPerDim } = (await program.run({ images: new Float32Array(2000 * 64).fill(0.5) })) as Record<string, Float32Array>;
  await program.dispose();
  const average = (values: Float32Array) => values.reduce((a, b) => a + b) / values.length;
  // Before training the correction is 0, and the model is N(0, I) in [-1, 1]: half ln 2π a number at 0, and ln 128 for the width of a byte.
  const expected = 64 * (0.5 * Math.log(2 * Math.PI) + Math.log(128));
  expect(Math.abs(average(bound) / expected - 1)).toBeLessThan(0.03);
  expect(average(boundBitsPerDim)).toBeCloseTo(average(bound) / (64 * Math.LN2), 3);
});

test("settings that do not go together are refused", () => {
  const fits = (change: Partial<ScoreSdeConfig>) => scoreSde.config.safeParse({ ...scoreSde.presets.smoke.config, ...change }).success;
  expect(fits({})).toBe(true);
  expect(fits({ image: [1, 8, 9] })).toBe(false);
  expect(fits({ image: [2] })).toBe(true);
  expect(fits({ earliest: 0 })).toBe(false);
});
