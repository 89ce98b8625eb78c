import { RandomStream } from "../../src/core/random.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import type { Rng } from "../../src/graph/trace.ts";
import { type PixelCnn, pixelcnn, rasterModel } from "../../src/models/autoregressive/pixelcnn.ts";
import { sampleRaster } from "../../src/models/autoregressive/raster.ts";
import { findModel, type ModelRecord, type SampleContext } from "../../src/models/index.ts";
import type { Module } from "../../src/nn/module.ts";
import type { Backend } from "../../src/runtime/backend.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { compile, type Program } from "../../src/runtime/program.ts";
import { fill, fixedRng, STREAMS, uniform } from "../harness/values.ts";
import type { Prepared, Workload } from "../harness/workload.ts";

// Drawing fresh pictures: from noise to intensities, programs made before.

/** What draws pictures, made once. */
export interface Sampler {
  /** @returns intensities of the pictures, [count, C, H, W] */
  draw(): Promise<ArrayLike<number>>;
  close(): Promise<void>;
}

export interface SamplingSpec<M extends Module> {
  name: string;
  summary: string;
  /** Pictures a step. */
  pictures: number;
  /** The network that draws: all its parameters count. */
  build(rng: RandomStream): M;
  /** @param rng of fixed draws in place of a program's own, where outputs are checked */
  open(network: M, backend: Backend, rng: ((own: Rng) => Rng) | undefined): Promise<Sampler>;
}

/** Stream of the weights by which a checked picture is added up. */
const WEIGHTS = 1200;

/** A workload that draws pictures. Checked are the mean and a weighted mean of what it draws from the start values and draws that all peers share. */
export function samplingWorkload<M extends Module>(spec: SamplingSpec<M>): Workload {
  const { name, summary, pictures } = spec;
  const networkOf = () => {
    const network = spec.build(new RandomStream(0, "bench"));
    fill(network);
    return network;
  };
  return {
    name,
    summary,
    pictures,
    async prepare(): Promise<Prepared> {
      const sampler = await spec.open(networkOf(), await openBackend({ device: "cpu" }), undefined);
      return {
        step: async () => {
          await sampler.draw();
        },
        close: () => sampler.close(),
      };
    },
    async check(steps) {
      const network = networkOf();
      const sampler = await spec.open(network, await openBackend({ device: "cpu" }), () => fixedRng(STREAMS.draws));
      const losses: number[] = [];
      for (let i = 0; i < steps; i++) losses.push(...figuresOf(await sampler.draw()));
      await sampler.close();
      return { losses, parameters: network.parameterCount };
    },
  };
}

function figuresOf(values: ArrayLike<number>): [number, number] {
  const weights = uniform(WEIGHTS, values.length);
  let [mean, weighted] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    mean += values[i] / values.length;
    weighted += (values[i] * weights[i]) / Math.sqrt(values.length);
  }
  return [mean, weighted];
}

/** Codes drawn and decoded by one program in evaluation mode, its weights baked in. */
async function decoder(
  backend: Backend,
  shape: readonly number[],
  decode: (codes: Tensor) => Tensor,
  fixed: ((own: Rng) => Rng) | undefined,
): Promise<Sampler> {
  const program = await compile(backend, (_, rng) => ({ pictures: decode((fixed?.(rng) ?? rng).normal("codes", shape)) }), {
    frozen: true,
  });
  return { draw: async () => (await program.run()).pictures as Float32Array, close: () => program.dispose() };
}

/** A compile that makes each program of a sampler once, however often pictures are drawn. */
function reusing(backend: Backend, fixed: ((own: Rng) => Rng) | undefined) {
  const made: Program<string, string>[] = [];
  let at = 0;
  const own: SampleContext["compile"] = async (build, options) => {
    const turn = at++;
    made[turn] ??= (await compile(
      backend,
      (inputs, rng) => build(inputs as never, (fixed?.(rng) ?? rng) as never),
      options as never,
    )) as never;
    return Object.assign(Object.create(made[turn]), { dispose: async () => undefined, run: made[turn].run.bind(made[turn]) });
  };
  return {
    compile: own,
    restart: () => {
      at = 0;
    },
    close: async () => {
      await Promise.all(made.map((program) => program.dispose()));
    },
  };
}

const [codes, dots, side] = [64, 16, 12];
const vae = findModel("vae") as ModelRecord;
const vaeConfig = { ...(vae.presets.paper.config as object), codeSize: 16, klWeight: 1 };
const dcgan = findModel("dcgan") as ModelRecord;
const dcganConfig = dcgan.presets.small.config;

const drawPixels = (how: "cached" | "whole"): SamplingSpec<PixelCnn>["open"] => {
  return async (network, backend, fixed) => {
    const programs = reusing(backend, fixed);
    const draw = async () => {
      programs.restart();
      let last: Float32Array | undefined;
      const context: SampleContext = { count: dots, options: {}, compile: programs.compile };
      for await (const { data } of sampleRaster(rasterModel(network), context, how)) last = data;
      return last!;
    };
    return { draw, close: programs.close };
  };
};

const pixelNetwork = (rng: RandomStream): PixelCnn => pixelcnn.build({ ...pixelcnn.presets.small.config, image: [1, side, side] }, rng);

export const samplingWorkloads: readonly Workload[] = [
  samplingWorkload({
    name: "vae-sample",
    summary: `VAE draws ${codes} codes of 16 numbers and paints them, 1x32x32`,
    pictures: codes,
    build: (rng) => vae.build(vaeConfig, rng),
    open: (network, backend, fixed) => decoder(backend, [codes, 16], (z) => vae.decode!(network, z), fixed),
  }),
  samplingWorkload({
    name: "dcgan-sample",
    summary: `DCGAN, the small preset, draws ${codes} codes of 100 numbers and paints them, 1x32x32`,
    pictures: codes,
    build: (rng) => dcgan.build(dcganConfig, rng),
    open: (network, backend, fixed) => decoder(backend, [codes, 100], (z) => dcgan.decode!(network, z), fixed),
  }),
  samplingWorkload({
    name: "pixelcnn-sample",
    summary: `Gated PixelCNN, the small preset, draws ${dots} black and white pictures of ${side}x${side} pixel by pixel, keeping what its layers made of the pixels before (the peer runs the whole network for each pixel)`,
    pictures: dots,
    build: pixelNetwork,
    open: drawPixels("cached"),
  }),
  samplingWorkload({
    name: "pixelcnn-sample-direct",
    summary: `the same, running the whole network for each pixel`,
    pictures: dots,
    build: pixelNetwork,
    open: drawPixels("whole"),
  }),
];
