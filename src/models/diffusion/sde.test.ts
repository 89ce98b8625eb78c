import { describe, expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { paperSde, type SdeConfig, sdeOf } from "./sde.ts";

type Table = Record<"drift" | "diffusion" | "scale" | "deviation", Float32Array>;

/** An equation's coefficients at given times. */
async function tableOf(config: SdeConfig, times: readonly number[]): Promise<Table> {
  const sde = sdeOf(config);
  const program = await compile(
    await openBackend({ device: "cpu" }),
    ({ t }) => ({ drift: sde.drift(t), diffusion: sde.diffusion(t), scale: sde.scale(t), deviation: sde.deviation(t) }),
    { inputs: { t: { shape: [times.length] } } },
  );
  const { drift, diffusion, scale, deviation } = (await program.run({ t: times })) as Table;
  await program.dispose();
  return { drift, diffusion, scale, deviation };
}

const equations: [string, SdeConfig][] = [
  ["vp", paperSde],
  ["subvp", { ...paperSde, sde: "subvp" }],
  ["ve", { ...paperSde, sde: "ve", sigmaMax: 20 }],
];

describe.each(equations)("%s", (_name, config) => {
  test("paths that are simulated step by step have the mean and the deviation of the closed form", async () => {
    const [steps, paths, start] = [500, 3000, 1.5];
    const times = Array.from({ length: steps + 1 }, (_, i) => Math.max(config.earliest, i / steps));
    const { drift, diffusion, scale, deviation } = await tableOf(config, times);
    const stream = new RandomStream(0, "paths");
    const x = new Float64Array(paths).map(() => scale[0] * start + deviation[0] * stream.normal());
    for (let i = 0; i < steps; i++) {
      const h = 1 / steps;
      // Coefficients at the middle of the step, so that the steps may be longer.
      const [a, g] = [(drift[i] + drift[i + 1]) / 2, Math.sqrt((h * (diffusion[i] + diffusion[i + 1])) / 2)];
      for (let p = 0; p < paths; p++) x[p] += a * x[p] * h + g * stream.normal();
      if (i !== steps - 1 && i !== 99) continue;
      const mean = x.reduce((sum, v) => sum + v) / paths;
      const spread = Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / paths);
      expect(Math.abs(mean - scale[i + 1] * start)).toBeLessThan((4 * deviation[i + 1]) / Math.sqrt(paths) + 0.01);
      expect(Math.abs(spread / deviation[i + 1] - 1)).toBeLessThan(4 / Math.sqrt(2 * paths));
    }
  });

  test("m and σ² solve their differential equations, also next to the data", async () => {
    // dm/dt = a m and dσ²/dt = 2 a σ² + g², by central differences.
    for (const t of [3e-4, 0.01, 0.2, 0.7]) {
      const h = 0.01 * t;
      const { drift, diffusion, scale, deviation } = await tableOf(config, [t - h, t, t + h]);
      const variance = deviation.map((v) => v * v);
      const slope = (variance[2] - variance[0]) / (2 * h);
      const expected = 2 * drift[1] * variance[1] + diffusion[1];
      expect(Math.abs(slope / expected - 1)).toBeLessThan(0.01);
      expect(Math.abs((Math.log(scale[2]) - Math.log(scale[0])) / (2 * h) - drift[1])).toBeLessThan(0.03);
    }
  });

  test("times for the likelihood lie as g²/σ² does", async () => {
    const sde = sdeOf(config);
    const program = await compile(await openBackend({ device: "cpu" }), ({ u }) => ({ t: sde.likelihoodTime(u) }), {
      inputs: { u: { shape: [3] } },
    });
    const shares = [0.25, 0.6, 0.95];
    const { t } = (await program.run({ u: shares })) as { t: Float32Array };
    await program.dispose();
    for (const [i, share] of shares.entries()) {
      // ∫ g²/σ² dt up to t(u), in steps even in ln t.
      const count = 4000;
      const edges = Array.from({ length: count + 1 }, (_, k) => config.earliest * (t[i] / config.earliest) ** (k / count));
      const middles = edges.slice(1).map((edge, k) => (edge + edges[k]) / 2);
      const { diffusion, deviation } = await tableOf(config, middles);
      const integral = middles.reduce((sum, _, k) => sum + ((edges[k + 1] - edges[k]) * diffusion[k]) / deviation[k] ** 2, 0);
      expect(integral / sde.likelihoodMass).toBeCloseTo(share, 3);
    }
  });

  test("steps of the way are even from the data to the noise, and known as numbers too", async () => {
    const sde = sdeOf(config);
    const program = await compile(await openBackend({ device: "cpu" }), ({ u }) => sde.warp(u), { inputs: { u: { shape: [5] } } });
    const places = [0, 0.25, 0.5, 0.75, 1];
    const { t, speed } = (await program.run({ u: places })) as Record<"t" | "speed", Float32Array>;
    await program.dispose();
    places.forEach((u, i) => {
      expect(t[i]).toBeCloseTo(sde.time(u), 6);
      expect(speed[i]).toBeCloseTo((sde.time(u + 1e-4) - sde.time(u - 1e-4)) / 2e-4, 3);
    });
    expect(t[4]).toBeCloseTo(1, 6);
  });
});
