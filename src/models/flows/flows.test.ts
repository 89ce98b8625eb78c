import { beforeAll, describe, expect, test } from "vitest";
import { sizeOf } from "../../core/dtype.ts";
import { RandomStream } from "../../core/random.ts";
import { RandomStreams } from "../../core/streams.ts";
import { flowNats } from "../../nn/flow.ts";
import { namedStates } from "../../nn/module.ts";
import { checkFlow, disturb } from "../../nn/testing/flows.ts";
import { drawPoints, drawSamples } from "../../runs/sampling.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { Centre, dequantise, flowDecode, flowEncode, Logit, toIntensities } from "./blocks.ts";
import { Glow, type GlowConfig, glow } from "./glow.ts";
import { RealNvp, type RealNvpConfig, realnvp } from "./realnvp.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

const init = () => new RandomStream(0, "init");
const tiny: GlowConfig = { image: [1, 4, 4], scales: 2, depth: 2, features: 4, alpha: 0 };
const plane: RealNvpConfig = { ...realnvp.presets.toy.config, couplings: 4, features: 8 };
const small: RealNvpConfig = { ...realnvp.presets.smoke.config, image: [1, 8, 8], alpha: 0 };

/** Running statistics as a training leaves them. */
function seasoned<M extends RealNvp | Glow>(model: M): M {
  disturb(model, 0.1);
  const stream = new RandomStream(1, "statistics");
  for (const [name, { data }] of namedStates(model)) {
    if (!/running|mean|logDeviation/.test(name)) continue;
    for (let i = 0; i < data.length; i++) (data as Float32Array)[i] = stream.uniform() * 0.4 + (name.includes("Variance") ? 0.8 : -0.2);
  }
  return model;
}

/** A program of one model, run once on `x`. */
async function run(x: Float32Array, shape: readonly number[], build: Parameters<typeof compile<"x", string>>[1]) {
  const program = await compile<"x", string>(backend, build, { inputs: { x: { shape } }, streams: new RandomStreams(0) });
  const result = Object.fromEntries(
    Object.entries(await program.run({ x })).map(([name, values]) => [name, (values as Float32Array).slice()]),
  );
  await program.dispose();
  return result;
}

const bytes = (count: number) => {
  const stream = new RandomStream(2, "bytes");
  return Float32Array.from({ length: count }, (_, i) => (i % 3 === 0 ? 0 : i % 7 === 0 ? 1 : stream.below(256) / 255));
};

describe("whole flows", () => {
  test.each([
    ["RealNVP on points", () => seasoned(new RealNvp(plane, init())).flow, [3, 2]],
    [
      "RealNVP on pictures, where batch norm is everywhere",
      () => seasoned(new RealNvp({ ...small, image: [1, 4, 4] }, init())).flow,
      [2, 1, 4, 4],
    ],
    [
      "RealNVP over three scales",
      () => seasoned(new RealNvp({ ...small, image: [1, 4, 8], scales: 3, couplings: 1 }, init())).flow,
      [2, 1, 4, 8],
    ],
    ["Glow", () => seasoned(new Glow(tiny, init())).flow, [2, 1, 4, 4]],
    ["Glow in colour", () => seasoned(new Glow({ ...tiny, image: [3, 4, 4], depth: 1 }, init())).flow, [2, 3, 4, 4]],
  ] as const)("%s: the inverse undoes it, and the log-determinant is the automatic Jacobian's", async (_name, make, shape) => {
    const { roundTrip, determinant, inverseDeterminant, z } = await checkFlow(make(), shape);
    expect(roundTrip).toBeLessThan(1e-5);
    expect(determinant).toBeLessThan(2e-4);
    expect(inverseDeterminant).toBeLessThan(2e-4);
    expect(z).toEqual([shape[0], sizeOf(shape.slice(1))]);
  });

  test("the density of points sums to 1 over a grid, and of samples it is what it should be", async () => {
    const model = seasoned(new RealNvp(plane, init()));
    const side = 600;
    const width = 16;
    const grid = Float32Array.from({ length: 2 * side * side }, (_, i) => {
      const at = i >> 1;
      return ((i % 2 === 0 ? at % side : Math.floor(at / side)) + 0.5) * (width / side) - width / 2;
    });
    const { total } = await run(grid, [side * side, 2], ({ x }) => ({ total: realnvp.logDensity!(model, x).exp().sum() }));
    expect(total[0] * (width / side) ** 2).toBeCloseTo(1, 3);
    const { data } = await drawPoints({ record: realnvp as never, config: plane, network: model, backend }, 4000, 0);
    const { back } = await run(data as Float32Array, [4000, 2], ({ x }) => ({ back: model.flow.forward(x).z }));
    const mean = back.reduce((a, b) => a + b, 0) / 8000;
    expect(mean).toBeCloseTo(0, 1);
    expect(back.reduce((a, b) => a + (b - mean) ** 2, 0) / 8000).toBeCloseTo(1, 1);
  });
});

describe("pictures of 256 levels", () => {
  test("noise stays in its level, and intensities come back exactly", async () => {
    const x = Float32Array.from({ length: 256 }, (_, i) => i / 255);
    const { noisy, back } = await run(x, [1, 1, 16, 16], ({ x }, rng) => {
      const noisy = dequantise(x, rng);
      return { noisy, back: toIntensities(noisy) };
    });
    noisy.forEach((v, i) => {
      expect(v).toBeGreaterThanOrEqual(i / 256);
      expect(v).toBeLessThan((i + 1) / 256);
    });
    expect(back).toEqual(x);
  });

  test.each([
    ["RealNVP", () => seasoned(new RealNvp(small, init())), [2, 1, 8, 8]],
    ["RealNVP by a logit", () => seasoned(new RealNvp({ ...small, alpha: 0.05 }, init())), [2, 1, 8, 8]],
    ["RealNVP by a steep logit", () => seasoned(new RealNvp({ ...small, alpha: 1e-6 }, init())), [2, 1, 8, 8]],
    ["Glow", () => seasoned(new Glow(tiny, init())), [2, 1, 4, 4]],
  ] as const)("%s gives pictures back exactly from their codes", async (_name, make, shape) => {
    const model = make();
    const x = bytes(sizeOf(shape));
    const { codes, back } = await run(x, shape, ({ x }) => {
      const codes = flowEncode(model, x);
      return { codes, back: flowDecode(model, codes) };
    });
    expect(codes.every(Number.isFinite)).toBe(true);
    expect(back).toEqual(x);
  });

  test.each([0.05, 1e-6])("the logit's log-determinant is the automatic Jacobian's, alpha %d", async (alpha) => {
    const values = Float32Array.from([0.001, 0.2, 0.5, 0.97]);
    const { z, logDet, back, backDet } = await run(values, [1, 4], ({ x }) => {
      const { z, logDet } = new Logit(alpha).forward(x);
      const again = new Logit(alpha).inverse(z);
      return { z, logDet, back: again.x, backDet: again.logDet };
    });
    let want = 0;
    values.forEach((v, i) => {
      const p = alpha + (1 - 2 * alpha) * v;
      expect(z[i]).toBeCloseTo(Math.log(p / (1 - p)), 4);
      expect(back[i]).toBeCloseTo(v, 5);
      want += Math.log((1 - 2 * alpha) / (p * (1 - p)));
    });
    expect(logDet[0]).toBeCloseTo(want, 3);
    expect(backDet[0]).toBeCloseTo(-want, 3);
  });

  test("centred pictures keep their volume", async () => {
    const { z, x: back } = await run(Float32Array.from([0, 1]), [1, 2], ({ x }) => {
      const { z } = new Centre().forward(x);
      return { z, x: new Centre().inverse(z).x };
    });
    expect([...z]).toEqual([-0.5, 0.5]);
    expect([...back]).toEqual([0, 1]);
  });

  test("nats of pictures count 256 levels: uniform noise of the whole range is worth 8 bits", async () => {
    const model = new RealNvp({ ...small, alpha: 0, norm: false, couplings: 1 }, init()); // starts at the identity
    const x = bytes(64);
    const { nats, own } = await run(x, [1, 1, 8, 8], ({ x }, rng) => {
      const batch = { images: x } as never;
      return { nats: realnvp.metrics(model, batch, rng).bitsPerDim, own: flowNats(model.flow, dequantise(x, rng)) };
    });
    // A standard normal density over an interval of width 1 around 0: between N(0) and N(1/2).
    expect(nats[0]).toBeGreaterThan(8 + Math.log2(Math.sqrt(2 * Math.PI)));
    expect(nats[0]).toBeLessThan(8 + Math.log2(Math.sqrt(2 * Math.PI)) + 0.125 / Math.LN2);
    expect(own[0] / (64 * Math.LN2)).toBeCloseTo(nats[0] - 8, 1);
  });
});

describe("sampling", () => {
  const context = (model: Glow) => ({ record: glow as never, config: tiny, network: model, backend });

  test("temperature scales the noise, and is above 0", async () => {
    const model = seasoned(new Glow(tiny, init()));
    const cold = await drawSamples(context(model), 8, 0, { sampling: { temperature: 1e-6 } });
    const rows = [...new Set(Array.from({ length: 8 }, (_, i) => cold.data.slice(i * 16, (i + 1) * 16).join()))];
    expect(rows.length).toBe(1); // hardly any noise: one picture
    const warm = await drawSamples(context(model), 8, 0, { sampling: { temperature: 1 } });
    expect(warm.data).toEqual((await drawSamples(context(model), 8, 0)).data);
    expect(warm.data).not.toEqual(cold.data);
    for (const temperature of [0, -1, 11])
      await expect(drawSamples(context(model), 1, 0, { sampling: { temperature } })).rejects.toThrow(/temperature/);
  });

  test.each([
    ["glow", () => ({ record: glow as never, config: tiny, network: new Glow(tiny, init()), backend })],
    ["realnvp", () => ({ record: realnvp as never, config: small, network: new RealNvp(small, init()), backend })],
  ] as const)("%s stays finite with wild weights and hot noise", async (_name, make) => {
    const given = make();
    disturb(given.network, 1);
    const { data } = await drawSamples(given, 16, 0, { sampling: { temperature: 10 } });
    expect(data.every((v) => v >= 0 && v <= 1)).toBe(true);
  });
});

describe("configurations that cannot be", () => {
  const problem = (record: typeof glow | typeof realnvp, change: object, preset: "smoke" | "toy" = "smoke") => {
    const presets = record.presets as Record<string, { config: object }>;
    return record.config
      .safeParse({ ...presets[preset].config, ...change })
      .error?.issues.map(({ message }) => message)
      .join("; ");
  };

  test("sides that a flow cannot halve, scales of points, colours", () => {
    expect(problem(glow, { image: [1, 6, 8] })).toMatch(/must halve with every scale/);
    expect(problem(glow, { image: [1, 7, 7], scales: 1 })).toMatch(/must halve/);
    expect(problem(glow, { image: [1, 6, 8], scales: 1 })).toBeUndefined();
    expect(problem(realnvp, { image: [1, 7, 8] })).toMatch(/must halve/);
    expect(problem(realnvp, { image: [1, 7, 7], scales: 1 })).toBeUndefined();
    expect(problem(realnvp, { scales: 2 }, "toy")).toMatch(/points have one scale/);
    expect(problem(glow, { alpha: 0.5 })).toBeDefined();
  });
});
