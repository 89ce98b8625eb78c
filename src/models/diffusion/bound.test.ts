import { beforeAll, expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { boundNats, decoderNats } from "./bound.ts";
import { ddpm } from "./ddpm.ts";
import { Diffusion } from "./diffusion.ts";
import { levelAt, type ScheduleName, schedules } from "./schedules.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

const side = 8;
const size = side * side;

/** A picture of 256 levels in [-1, 1], of all levels, black and white included. */
const picture = Float32Array.from({ length: size }, (_, i) => (2 * Math.round((255 * ((i * 37) % size)) / (size - 1))) / 255 - 1);

const copies = (count: number) => Float32Array.from({ length: count * size }, (_, i) => picture[i % size]);

/** The mean of [B] values and its standard error. */
function meanOf(values: Float32Array): { mean: number; error: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, error: Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length / (values.length - 1)) };
}

/** E[-ln p(x | z)] by all 256 levels, one number at a time. */
function decoderByHand(alpha: number, sigma: number): number {
  const random = new RandomStream(5, "by hand");
  const noise = new Float32Array(size * 200);
  random.fillNormal(noise);
  let sum = 0;
  for (let i = 0; i < noise.length; i++) {
    const z = alpha * picture[i % size] + sigma * noise[i];
    const log = (level: number) => -((z - alpha * ((2 * level) / 255 - 1)) ** 2) / (2 * sigma ** 2);
    const all = Array.from({ length: 256 }, (_, level) => Math.exp(log(level) + noise[i] ** 2 / 2)).reduce((a, b) => a + b, 0);
    sum += Math.log(all);
  }
  return sum / 200;
}

test.each([0.003, 0.01, 0.3])("the first noise's levels, deviation %f: as by hand", async (sigma) => {
  const alpha = Math.sqrt(1 - sigma ** 2);
  const program = await compile(backend, ({ x }, rng) => ({ nats: decoderNats(x, { alpha, sigma }, rng) }), {
    inputs: { x: { shape: [200, 1, side, side] } },
  });
  const { mean, error } = meanOf((await program.run({ x: copies(200) })).nats as Float32Array);
  expect(Math.abs(mean - decoderByHand(alpha, sigma))).toBeLessThan(6 * error + 1e-3);
  await program.dispose();
});

/** The bound of a network whose prediction is always 0, from the means of its terms in closed form. */
function boundByHand(name: ScheduleName, timesteps: number): number {
  const schedule = schedules[name];
  const power = picture.reduce((sum, value) => sum + value ** 2, 0);
  const ratio = (t: number) => (schedule.alpha(t) / schedule.sigma(t)) ** 2;
  const end = levelAt(schedule, 1);
  let nats = 0.5 * (end.alpha ** 2 * power + size * (end.sigma ** 2 - 1 - 2 * Math.log(end.sigma)));
  for (let i = 1; i < timesteps; i++) {
    const { alpha, sigma } = levelAt(schedule, (i + 1) / timesteps);
    // Velocity 0: the guess is α z = α² x + α σ ε.
    nats += 0.5 * (ratio(i / timesteps) - ratio((i + 1) / timesteps)) * (sigma ** 4 * power + alpha ** 2 * sigma ** 2 * size);
  }
  const { alpha, sigma } = levelAt(schedule, 1 / timesteps);
  return nats + decoderByHand(alpha, sigma);
}

test.each<[ScheduleName, number]>([
  ["cosine", 50],
  ["cosine", 1000],
  ["offset-cosine", 200],
])("%s with %i steps: the bound of a network that predicts nothing is that of the closed form", async (noiseSchedule, timesteps) => {
  const config = { ...ddpm.presets.smoke.config, noiseSchedule, timesteps, image: [1, side, side] as [1, number, number] };
  const model = new Diffusion({ ...config, parameterization: "velocity" }, new RandomStream(0, "init"));
  // Pictures that no guess leaves: what is cut off at -1 and 1 would not be in the closed form.
  Object.assign(model, { bounded: false });
  const count = 2000;
  const program = await compile(backend, ({ x }, rng) => ({ nats: boundNats(model, x, {}, rng) }), {
    inputs: { x: { shape: [count, 1, side, side] } },
  });
  const { mean, error } = meanOf((await program.run({ x: copies(count) })).nats as Float32Array);
  const expected = boundByHand(noiseSchedule, timesteps);
  expect(error / expected).toBeLessThan(0.02);
  expect(Math.abs(mean - expected)).toBeLessThan(5 * error);
  await program.dispose();
});
