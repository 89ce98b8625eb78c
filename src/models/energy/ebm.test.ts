import { beforeAll, describe, expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { drawSamples } from "../../runs/sampling.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { Ebm, ebm, langevin } from "./ebm.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

const { config } = ebm.presets.smoke;

/** One walk on the energy x² / 2, by the loop and by hand. */
async function walked(settings: { stepSize: number; noise: number; clip: number }, start: number): Promise<{ got: number; want: number }> {
  const steps = 6;
  const noises = new Float32Array(steps);
  new RandomStream(0, "walk").fillNormal(noises);
  const program = await compile(backend, ({ x, noise }) => ({ x: langevin((at) => at.square().sum(1).mul(0.5), x, noise, settings) }), {
    inputs: { x: { shape: [1, 1] }, noise: { shape: [steps, 1, 1] } },
  });
  const { x } = await program.run({ x: [start], noise: noises });
  const limit = (value: number, most: number): number => Math.max(-most, Math.min(most, value));
  let want = start;
  for (const noise of noises) {
    want = limit(want + settings.noise * noise, 1);
    want = limit(want - settings.stepSize * limit(want, settings.clip), 1);
  }
  return { got: Number(x[0]), want };
}

describe("deep energy-based model", () => {
  test("a walk goes down the slope, with noise, with slopes and pictures cut off", async () => {
    const free = await walked({ stepSize: 0.1, noise: 0.05, clip: 10 }, 0.9);
    expect(free.got).toBeCloseTo(free.want, 5);
    const cut = await walked({ stepSize: 0.1, noise: 0.005, clip: 0.03 }, 0.9);
    expect(cut.got).toBeCloseTo(cut.want, 5);
    expect(cut.got).toBeGreaterThan(0.87);
    const still = await walked({ stepSize: 0.5, noise: 0, clip: 1 }, -1);
    expect(still.got).toBeCloseTo(-(0.5 ** 6), 6);
  });

  test("the ends of a step's walks are put first in the buffer, and the oldest leave it", async () => {
    const network = new Ebm(config, new RandomStream(0, "test"));
    const before = network.buffer.data.slice();
    expect([Math.min(...before) >= -1, Math.max(...before) <= 1, Math.min(...before) < -0.9]).toEqual([true, true, true]);
    const [phase] = ebm.players!(config).phases;
    const step = await compile(backend, ({ images }, rng) => ({ total: phase.losses(network, { images } as never, rng).energy.total }), {
      inputs: { images: { shape: [5, ...config.image] } },
      training: true,
    });
    await step.run();
    const pixels = 5 * 64;
    expect(network.buffer.data.slice(pixels)).toEqual(before.slice(0, before.length - pixels));
    expect(network.buffer.data.slice(0, pixels)).not.toEqual(before.slice(0, pixels));
  });

  test("a sampler shows its way from noise, or from given pictures", async () => {
    const network = new Ebm(config, new RandomStream(0, "test"));
    const context = { record: ebm as never, config, network, backend };
    const frames: Float32Array[] = [];
    await drawSamples(context, 2, 0, { sampling: { steps: 50 }, onFrame: ({ data }) => frames.push(data) });
    expect(frames.length).toBe(4);
    const from = { data: new Float32Array(128).fill(0.25), shape: [2, 1, 8, 8] as const };
    const walk: Float32Array[] = [];
    await drawSamples(context, 2, 0, { from, sampling: { steps: 1 }, onFrame: ({ data }) => walk.push(data) });
    expect(walk[0]).toEqual(from.data);
    expect(walk[1].every((value) => Math.abs(value - 0.25) < 0.2)).toBe(true);
    await expect(drawSamples(context, 2, 0, { sampling: { steps: 0 } })).rejects.toThrow();
  });

  test("the density of points sums to 1 over the square, in the data's units", async () => {
    const settings = { ...ebm.presets.toy.config, hidden: [16, 16], buffer: 8, walkSteps: 2 };
    const network = new Ebm(settings, new RandomStream(0, "test"));
    for (const { bias } of network.net.hidden) new RandomStream(1, "bias").fillNormal(bias!.data);
    const [side, low] = [100, -settings.reach];
    const cell = (2 * settings.reach) / side;
    const grid = new Float32Array(2 * side * side).map(
      (_, i) => low + cell * ((i % 2 === 0 ? Math.floor(i / 2) % side : Math.floor(i / 2 / side)) + 0.5),
    );
    const program = await compile(backend, ({ points }) => ({ log: ebm.logDensity!(network, points) }), {
      inputs: { points: { shape: [side * side, 2] } },
    });
    const { log } = await program.run({ points: grid });
    const total = (log as Float32Array).reduce((sum, value) => sum + Math.exp(value), 0) * cell ** 2;
    expect(total).toBeCloseTo(1, 3);
  });
});
