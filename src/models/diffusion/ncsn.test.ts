import { beforeAll, expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { RandomStreams } from "../../core/streams.ts";
import { adam } from "../../optim/adam.ts";
import { cosine } from "../../optim/schedule.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { Trainer } from "../../train/trainer.ts";
import type { Batch } from "../model.ts";
import { deviations, Ncsn, type NcsnConfig, ncsn, objective, sample } from "./ncsn.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

test("noises are a fixed factor apart, the largest first", () => {
  const row = deviations({ levels: 10, sigmaMax: 1, sigmaMin: 0.01 });
  expect(row.length).toBe(10);
  expect(row[0]).toBe(1);
  expect(row[9]).toBeCloseTo(0.01, 10);
  for (let i = 1; i < 10; i++) expect(row[i] / row[i - 1]).toBeCloseTo(0.01 ** (1 / 9), 10);
});

test("learns a Gaussian's score at each noise, and Langevin's steps come to the Gaussian", async () => {
  const [mean, deviation, batch, count] = [0.8, 0.4, 256, 1000];
  const config: NcsnConfig = { ...ncsn.presets.toy.config, units: 32, layers: 1, sigmaMax: 2, sigmaMin: 0.1, levels: 8 };
  const model = new Ncsn(config, new RandomStream(0, "net"));
  const trainer = await Trainer.create({
    backend,
    module: model,
    objective: ({ points }, rng) => objective(model, { points } as Batch, rng),
    inputs: { points: { shape: [batch, 2] } },
    optimizer: adam(),
    learningRate: 5e-3,
    schedule: cosine(400),
  });
  const stream = new RandomStream(0, "points");
  for (let i = 0; i < 400; i++)
    await trainer.advance({ points: Float32Array.from({ length: 2 * batch }, () => mean + deviation * stream.normal()) });
  await trainer.dispose();

  const program = await compile(backend, ({ x, level }) => ({ noise: model.noise(x, level) }), {
    inputs: { x: { shape: [1, 2] }, level: { shape: [1] } },
  });
  for (const level of deviations(config)) {
    const x = mean + 0.5 * Math.hypot(level, deviation);
    const { noise } = await program.run({ x: [x, x], level: [level] });
    // The expected noise in x is σ (x - mean) / (σ² + 0.4²).
    for (const value of noise) expect(Math.abs(Number(value) - (level * (x - mean)) / (level ** 2 + deviation ** 2))).toBeLessThan(0.15);
  }
  await program.dispose();

  const streams = new RandomStreams(0);
  let data = new Float32Array();
  let frames = 0;
  const context = {
    count,
    compile: ((build, more) => compile(backend, build, { ...more, streams })) as Parameters<typeof sample>[1]["compile"],
  };
  for await (const points of sample(model, context)) {
    expect(points.shape).toEqual([count, 2]);
    data = points.data as Float32Array<ArrayBuffer>;
    frames++;
  }
  expect(frames).toBe(config.levels);
  const centre = data.reduce((a, b) => a + b) / data.length;
  const spread = Math.sqrt(data.reduce((sum, v) => sum + (v - centre) ** 2, 0) / data.length);
  expect(Math.abs(centre - mean)).toBeLessThan(0.08);
  expect(Math.abs(spread / deviation - 1)).toBeLessThan(0.15);
});

test("settings that do not go together are refused", () => {
  const fits = (change: Partial<NcsnConfig>) => ncsn.config.safeParse({ ...ncsn.presets.smoke.config, ...change }).success;
  expect(fits({})).toBe(true);
  expect(fits({ sigmaMin: 0.9, sigmaMax: 0.5 })).toBe(false);
  expect(fits({ image: [1, 8, 9] })).toBe(false);
});
