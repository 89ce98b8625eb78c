import { beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { graphFlops } from "../../graph/flops.ts";
import { collect } from "../../graph/graph.ts";
import { input } from "../../graph/ops/source.ts";
import { Trace, withTrace } from "../../graph/trace.ts";
import { namedParameters } from "../../nn/module.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import type { Batch, ModelRecord, Pictures } from "../model.ts";
import { conditionalDdpm } from "./conditional-ddpm.ts";
import { ddpm, plainDiffusion } from "./ddpm.ts";
import { Diffusion, decodeNoise, encodeNoise } from "./diffusion.ts";
import { paint } from "./paint.ts";
import { cubicMatrix, enlarge, superResolution } from "./super-resolution.ts";
import { DiffusionUnet, levelVector } from "./unet.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

/** Weights away from their first values: the last layer begins at zero. */
function shaken<N extends Diffusion>(model: N): N {
  const stream = new RandomStream(1, "shaken");
  for (const { data } of namedParameters(model).values()) for (let i = 0; i < data.length; i++) data[i] += 0.1 * (stream.uniform() - 0.5);
  return model;
}

const smoke = ddpm.presets.smoke.config;
const rng = () => new RandomStream(0, "init");

async function sampled(
  record: unknown,
  model: Diffusion,
  options: Record<string, unknown>,
  more: Partial<Parameters<typeof paint>[1]> = {},
): Promise<Float32Array> {
  const { sample } = record as ModelRecord<unknown, Diffusion>;
  const compileHere = (build: never, compiled: object) => compile(backend, build, compiled);
  let last: Pictures | undefined;
  for await (const pictures of sample!(model, { count: 3, options, compile: compileHere as never, ...more })) last = pictures as Pictures;
  return last!.data;
}

describe("the U-Net", () => {
  it("of the book costs what it should, and small a little more than half of it", () => {
    const cost = (depth: number) => {
      const unet = new DiffusionUnet({ ...plainDiffusion, depth }, { in: 3, out: 3, conditions: 0 }, rng());
      const trace = new Trace({ training: false });
      const y = withTrace(trace, () => unet.call(input("x", [1, 3, 32, 32]), input("level", [1, 32])));
      return { gflop: graphFlops(collect([{ name: "y", tensor: y }])) / 1e9, parameters: unet.parameterCount };
    };
    expect(cost(2).parameters).toBe(1_950_627);
    expect(cost(2).gflop).toBeCloseTo(0.576, 3);
    expect(cost(1).gflop / cost(2).gflop).toBeCloseTo(0.54, 2);
  });

  it("is told levels by sines and cosines of 1 to 1000 waves", () => {
    expect(levelVector(0.25, 4)).toEqual([1, 0, 0, 1].map((value) => expect.closeTo(value, 6)));
  });

  it.each(["book", "paper"] as const)("%s: with attention, conditions and self-conditioning", async (blocks) => {
    const config = {
      ...smoke,
      blocks,
      embedding: 8,
      attention: true,
      selfConditioning: true,
      conditions: 2,
      noiseSchedule: "linear",
      parameterization: "epsilon",
    } as const;
    const model = shaken(new Diffusion(config, rng()));
    const pictures = await sampled({ sample: paint }, model, { steps: 3 });
    expect(pictures.every((value) => value >= 0 && value <= 1)).toBe(true);
  });
});

describe("painting", () => {
  it("deterministic ddim gives the same bits twice, and other seeds other pictures", async () => {
    const model = shaken(ddpm.build(smoke, rng()));
    const [a, b] = [await sampled(ddpm, model, { steps: 5 }), await sampled(ddpm, model, { steps: 5 })];
    expect(Buffer.from(a.buffer).equals(Buffer.from(b.buffer))).toBe(true);
    expect(await sampled(ddpm, model, { steps: 5, eta: 1 })).not.toEqual(a);
    expect(await sampled(ddpm, model, { steps: 5, sampler: "dpm-solver++" })).not.toEqual(a);
  });

  it("refuses more steps than the schedule has, from a given picture on too", async () => {
    const model = ddpm.build(smoke, rng());
    await expect(sampled(ddpm, model, { steps: 51 })).rejects.toThrow(
      "does not have so many steps.\n  got:      steps=51\n  expected: 1 to 50",
    );
    const from = { data: new Float32Array(3 * 64), shape: [3, 1, 8, 8] as const };
    await expect(sampled(ddpm, model, { steps: 20, strength: 0.2 }, { from })).rejects.toThrow("1 to 10, from strength 0.2 on");
    expect(() => ddpm.sampling!.parse({ steps: 0 })).toThrow();
    expect(() => ddpm.sampling!.parse({ guidance: 2 })).toThrow();
  });

  it("guidance of 1 is the conditional model, 0 the free one, and in between a line", async () => {
    const model = shaken(conditionalDdpm.build(conditionalDdpm.presets.smoke.config, rng()));
    const first = async (guidance: number, conditions = [1, 0, 0, 0, 1, 0, 0, 0, 1]) =>
      sampled(conditionalDdpm, model, { steps: 1, guidance, clip: false }, { conditions: Float32Array.from(conditions) });
    const [zero, one, half, other] = [await first(0), await first(1), await first(0.5), await first(0, [0, 0, 1, 1, 0, 0, 0, 1, 0])];
    expect(other).toEqual(zero);
    expect(one).not.toEqual(zero);
    half.forEach((value, i) => {
      if (zero[i] > 0.01 && zero[i] < 0.99 && one[i] > 0.01 && one[i] < 0.99) expect(value).toBeCloseTo((zero[i] + one[i]) / 2, 4);
    });
  });

  it("image to image: the weaker, the nearer to the given picture", async () => {
    const model = shaken(ddpm.build(smoke, rng()));
    const from = { data: Float32Array.from({ length: 3 * 64 }, (_, i) => (i % 7) / 6), shape: [3, 1, 8, 8] as const };
    const distance = async (strength: number) => {
      const made = await sampled(ddpm, model, { steps: 5, strength }, { from });
      return made.reduce((sum, value, i) => sum + (value - from.data[i]) ** 2, 0);
    };
    const [weak, middle, strong] = [await distance(0.1), await distance(0.5), await distance(1)];
    expect(weak).toBeLessThan(middle);
    expect(middle).toBeLessThan(strong);
  });

  it("codes are noise: what ddim makes of a picture's code is nearly the picture", async () => {
    const model = shaken(ddpm.build(smoke, rng()));
    const program = await compile(
      backend,
      ({ pictures }) => {
        const codes = encodeNoise(model, pictures, {});
        return { codes, back: decodeNoise(model, codes, {}) };
      },
      { inputs: { pictures: { shape: [2, 1, 8, 8] } } },
    );
    const pictures = Float32Array.from({ length: 128 }, (_, i) => Math.sin(i));
    const { codes, back } = await program.run({ pictures });
    expect(codes.length).toBe(128);
    const error =
      pictures.reduce((sum, value, i) => sum + (value - Number(back[i])) ** 2, 0) / pictures.reduce((sum, value) => sum + value ** 2, 0);
    expect(error).toBeLessThan(0.1);
  });
});

describe("super-resolution", () => {
  it("enlarges as bicubic interpolation does: straight lines stay straight, weights sum to 1", async () => {
    const matrix = cubicMatrix(8, 2);
    for (let i = 0; i < 16; i++) expect(matrix.subarray(i * 8, (i + 1) * 8).reduce((a, b) => a + b)).toBeCloseTo(1, 6);
    const ramp = Float32Array.from({ length: 64 }, (_, i) => (i % 8) + 10 * Math.floor(i / 8));
    const program = await compile(backend, ({ x }) => ({ y: enlarge(x, 2) }), { inputs: { x: { shape: [1, 1, 8, 8] } } });
    const { y } = await program.run({ x: ramp });
    for (let i = 4; i < 12; i++)
      for (let k = 4; k < 12; k++) expect(Number(y[i * 16 + k])).toBeCloseTo((k + 0.5) / 2 - 0.5 + 10 * ((i + 0.5) / 2 - 0.5), 4);
  });

  it("begins with bicubic interpolation, and what it says it lacks makes it whole", async () => {
    const { config } = superResolution.presets.smoke;
    const model = superResolution.build(config, rng());
    const program = await compile(
      backend,
      ({ images }, trace) => superResolution.metrics(model, { images, points: images, labels: images, conditions: images } as Batch, trace),
      { inputs: { images: { shape: [4, 1, 8, 8] } } },
    );
    const { psnr, bicubicPsnr } = await program.run({ images: Float32Array.from({ length: 256 }, (_, i) => (Math.sin(i) + 1) / 2) });
    for (let i = 0; i < 4; i++) expect(Number(psnr[i])).toBeCloseTo(Number(bicubicPsnr[i]), 1);
  });

  it("needs pictures to enlarge", async () => {
    const model = superResolution.build(superResolution.presets.smoke.config, rng());
    await expect(sampled(superResolution, model, {})).rejects.toThrow("needs pictures to enlarge");
    const from = { data: new Float32Array(3 * 64).fill(0.5), shape: [3, 1, 8, 8] as const };
    expect(await sampled(superResolution, model, { steps: 2 }, { from })).toHaveLength(192);
  });
});

describe("points", () => {
  it("are learnt and drawn as they are: no range, no cutting off", async () => {
    const config = { ...ddpm.presets.toy.config, widths: [8, 8], timesteps: 50 };
    const model = shaken(ddpm.build(config, rng()));
    const points = await sampled(ddpm, model, { steps: 4 });
    expect(points).toHaveLength(6);
    expect(points.some((value) => value < 0 || value > 1)).toBe(true);
    const program = await compile(
      backend,
      ({ points }, trace) => ddpm.metrics(model, { points, images: points, labels: points, conditions: points } as Batch, trace),
      { inputs: { points: { shape: [10, 2] } } },
    );
    const { pictureError } = await program.run({ points: new Float32Array(20).fill(3) });
    expect(pictureError).toHaveLength(10);
  });
});
