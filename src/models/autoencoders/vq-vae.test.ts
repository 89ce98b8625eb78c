import { beforeAll, describe, expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { RandomStreams } from "../../core/streams.ts";
import type { ImageSet } from "../../data/dataset.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { namedParameters, namedStates } from "../../nn/module.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { TrainingSession } from "../../train/session.ts";
import { sampleRaster } from "../autoregressive/raster.ts";
import { type Batch, defaultTraining, type ModelRecord, type SampleContext } from "../index.ts";
import { codecLoss, gridModel, VqVae, type VqVaeConfig, vqVae } from "./vq-vae.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

const config: VqVaeConfig = { ...vqVae.presets.smoke.config, learning: "averages" };
const build = (settings = config) => new VqVae(settings, new RandomStream(0, "vq-vae"));

test("each strided convolution halves the grid; sides that they do not divide are refused", () => {
  expect(build(vqVae.presets.small.config).grid).toEqual([32, 7, 7]);
  expect(build(vqVae.presets.avatars.config).grid).toEqual([32, 8, 8]);
  expect(() => build({ ...config, image: [1, 10, 8] })).toThrow("the strided convolutions must divide the picture's sides");
});

test("the prior tells a place's code from the places before it only", async () => {
  const network = build();
  const inputs = { indices: { shape: [1, 2, 2], dtype: "int32" as const } };
  const program = await compile(backend, ({ indices }) => ({ logits: network.prior.call(indices) }), { inputs });
  const logitsOf = async (codes: number[]) => ((await program.run({ indices: Int32Array.from(codes) })).logits as Float32Array).slice();
  const before = await logitsOf([1, 2, 3, 4]);
  for (let place = 0; place < 4; place++) {
    const changed = [1, 2, 3, 4];
    changed[place] = 0;
    const after = await logitsOf(changed);
    const moved = Array.from({ length: 4 }, (_, at) => before.slice(at * 8, at * 8 + 8).some((v, k) => v !== after[at * 8 + k]));
    expect(moved).toEqual([0, 1, 2, 3].map((at) => at > place));
  }
  await program.dispose();
});

test("codes decode to what reconstruction paints", async () => {
  const network = build();
  const program = await compile(
    backend,
    ({ images }) => {
      const codes = vqVae.encode!(network, images);
      return { codes, decoded: vqVae.decode!(network, codes), painted: vqVae.reconstruct!(network, images) };
    },
    { inputs: { images: { shape: [2, 1, 8, 8] } } },
  );
  new RandomStream(0, "images").fillUniform(program.inputs.images as Float32Array);
  const { codes, decoded, painted } = await program.run();
  expect(codes.length).toBe(2 * 4 * 2 * 2);
  expect(Array.from(decoded, Number)).toEqual(Array.from(painted, Number));
  await program.dispose();
});

test.each(["averages", "gradient"] as const)(
  "the autoencoder's loss has the book's term only where the book is learned by it (%s)",
  async (learning) => {
    const network = build({ ...config, learning, commitmentWeight: 0.5 });
    const program = await compile(
      backend,
      ({ images }) => {
        const { total, terms } = codecLoss(network, { images } as Batch);
        return { total, ...terms } as Record<string, Tensor>;
      },
      { inputs: { images: { shape: [2, 1, 8, 8] } }, training: true, streams: new RandomStreams(0) },
    );
    new RandomStream(0, "images").fillUniform(program.inputs.images as Float32Array);
    const outputs = await program.run();
    await program.dispose();
    const [total, reconstruction, commitment] = [outputs.total, outputs.reconstruction, outputs.commitment].map(([value]) => Number(value));
    expect(commitment).toBeGreaterThan(0);
    expect(total).toBeCloseTo(reconstruction + (learning === "gradient" ? 1.5 : 0.5) * commitment, 3);
    expect("codebook" in outputs).toBe(learning === "gradient");
  },
);

test("the paper's preset has the 250,000 steps of the autoencoder that it says", () => {
  const { config: paper, training } = vqVae.presets.paper;
  const cifarTraining = 50_000;
  const steps = Math.floor(cifarTraining / training.batch!) * training.epochs! * paper.priorStart;
  expect(steps / 1000).toBeCloseTo(250, 0);
});

test("perplexity of a split is that of its histogram", () => {
  const { reduce } = vqVae.metricInfo.perplexity;
  expect(reduce!([3, 3, 0, 3])).toBeCloseTo(3, 10);
  expect(reduce!([9, 0, 0, 0])).toBe(1);
});

describe.each(["averages", "gradient"] as const)("a run whose codes learn by %s", (learning) => {
  test("trains the autoencoder first and then the prior, each alone", async () => {
    const images = new Uint8Array(16 * 64);
    const stream = new RandomStream(0, "pictures");
    for (let i = 0; i < images.length; i++) images[i] = stream.below(256);
    const labels = new Uint8Array(16);
    const set: ImageSet = {
      kind: "images",
      card: { name: "noise" } as ImageSet["card"],
      split: "train",
      shape: [1, 8, 8],
      images,
      labels,
      count: 16,
    };
    const record = vqVae as unknown as ModelRecord;
    const settings = { ...vqVae.presets.smoke.config, learning };
    const session = await TrainingSession.create({
      ...{ record, config: settings, set, seed: 0, backend, steps: 4 },
      training: { ...defaultTraining, batch: 8 },
    });
    const arrays = (prior: boolean) =>
      [...namedParameters(session.network), ...namedStates(session.network)]
        .filter(([name]) => name.startsWith("prior") === prior)
        .map(([, { data }]) => Array.from(data, Number));
    const start = [arrays(false), arrays(true)];
    expect(Object.keys((await session.advance()).terms)).toContain("perplexity");
    await session.advance();
    const middle = [arrays(false), arrays(true)];
    expect(middle[0]).not.toEqual(start[0]);
    expect(middle[1]).toEqual(start[1]);
    await session.advance();
    expect(Object.keys((await session.advance()).terms)).toEqual(["prior"]);
    expect(arrays(false)).toEqual(middle[0]);
    expect(arrays(true)).not.toEqual(middle[1]);
    await session.dispose();
  });
});

test("samples fill in row after row, and are those of the network run whole at each place", async () => {
  const network = build();
  // A prior that prefers some codes, as a trained one does.
  new RandomStream(1, "head").fillNormal(network.prior.net.head.weight.data);
  const context = () => {
    const streams = new RandomStreams(3);
    const compileSample: SampleContext["compile"] = (traced, options) => compile(backend, traced, { ...options, streams });
    return { count: 2, compile: compileSample };
  };
  const grids: number[][] = [];
  for (const how of ["cached", "whole"] as const) {
    let last: Float32Array | undefined;
    for await (const { data } of sampleRaster(gridModel(network), context(), how)) last = data;
    grids.push(Array.from(last!));
  }
  expect(grids[0]).toEqual(grids[1]);
  expect(grids[0].every((code) => Number.isInteger(code) && code >= 0 && code < config.codes)).toBe(true);
  expect(new Set(grids[0]).size).toBeGreaterThan(1);
  const shapes = [];
  for await (const { shape } of vqVae.sample!(network, context())) shapes.push(shape);
  expect(shapes).toEqual([
    [2, 1, 8, 8],
    [2, 1, 8, 8],
  ]);
});
