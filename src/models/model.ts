import { z } from "zod";
import type { RandomStream } from "../core/random.ts";
import type { ImageShape } from "../data/dataset.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Rng } from "../graph/trace.ts";
import type { Terms } from "../nn/losses.ts";
import type { Module } from "../nn/module.ts";
import type { Build, CompileOptions, Program } from "../runtime/program.ts";

/** What an objective and a metric see of a batch. */
export interface Batch {
  /** [B, C, H, W], intensity in [0, 1]. */
  readonly images: Tensor;
  /** [B], class indices, int32. Only for models that ask for labels. */
  readonly labels: Tensor;
}

/** How a run is trained: the same settings for every model, each preset with its own defaults. */
export const trainingSettings = z.strictObject({
  epochs: z.number().positive().max(100_000).describe("passes over the training split"),
  batch: z.int().min(1).max(65_536).describe("pictures a step"),
  learningRate: z.number().positive().max(10).describe("the optimizer's step size, before the schedule"),
  optimizer: z.enum(["sgd", "rmsprop", "adam", "adamw"]).describe("the update rule"),
  epsilon: z.number().positive().max(1).describe("added to Adam's and RMSProp's root"),
  momentum: z.number().min(0).max(0.9999).describe("of sgd and rmsprop"),
  weightDecay: z.number().min(0).max(10).describe("L2 penalty (adamw: decoupled)"),
  schedule: z.enum(["constant", "linear", "cosine"]).describe("what the learning rate does after the warm-up"),
  warmup: z.int().min(0).max(10_000_000).describe("steps over which the learning rate rises"),
  clipNorm: z.number().min(0).describe("limit on the gradient's norm; 0 for none"),
  ema: z.number().min(0).max(0.999999).describe("decay of the averaged weights that samples use; 0 for none"),
});

export type TrainingSettings = z.infer<typeof trainingSettings>;

/** PyTorch's defaults, where a preset says nothing else. */
export const defaultTraining: TrainingSettings = {
  epochs: 10,
  batch: 64,
  learningRate: 1e-3,
  optimizer: "adam",
  epsilon: 1e-8,
  momentum: 0,
  weightDecay: 0,
  schedule: "constant",
  warmup: 0,
  clipNorm: 0,
  ema: 0,
};

export interface Preset<C> {
  readonly config: C;
  /** What differs from {@link defaultTraining}. */
  readonly training: Partial<TrainingSettings>;
  /** One line: what it is for and about how long it takes on two cores. */
  readonly about: string;
}

/** Pictures that a model made: [count, C, H, W], intensity in [0, 1]. */
export interface Pictures {
  readonly data: Float32Array;
  readonly shape: readonly [number, ...ImageShape];
}

export interface SampleContext {
  /** How many pictures. */
  readonly count: number;
  /** Trace and load a program on the run's device, in evaluation mode, with the sample's own random streams. */
  compile<I extends string, O extends string>(build: Build<I, O>, options?: CompileOptions<I>): Promise<Program<I, O>>;
}

/**
 * A model of the garden: what the command line, the conformance suite and the documentation need to know, and nothing about devices, files or progress.
 * `C` is its configuration, `N` its network.
 */
export interface ModelRecord<C = unknown, N extends Module = Module> {
  readonly name: string;
  readonly title: string;
  readonly family: string;
  readonly year: number;
  /** arXiv number or a citation. */
  readonly paper: string;
  /** Two sentences for people who do not know it. */
  readonly summary: string;
  readonly config: z.ZodObject & z.ZodType<C>;
  readonly presets: Readonly<Record<"smoke" | "small" | "paper", Preset<C>>>;
  readonly data: {
    /** Names of data sets that suit it; the first is the default. */
    readonly sets: readonly string[];
    readonly labels: boolean;
    /** The picture shape a configuration takes. */
    shape(config: C): ImageShape;
  };
  /** The network with its first weights. */
  build(config: C, rng: RandomStream): N;
  /** What is minimised: named terms, each the mean over the batch of a sum over an example's dimensions. */
  objective(network: N, batch: Batch, rng: Rng): Terms;
  /** Held-out metrics: one value per example, [B] each; their mean over the split is reported. */
  metrics(network: N, batch: Batch, rng: Rng): Record<string, Tensor>;
  /** Units and meaning of each metric, and which way is better. */
  readonly metricInfo: Readonly<Record<string, { unit: string; better: "lower" | "higher"; about: string }>>;
  // What it can do beyond learning; a verb that it cannot do names those that it can.
  /** Class scores [B, K] of pictures. */
  classify?(network: N, images: Tensor): Tensor;
  /** Codes [B, Z] of pictures. */
  encode?(network: N, images: Tensor): Tensor;
  /** Pictures [B, C, H, W] in [0, 1] from codes [B, Z]. */
  decode?(network: N, codes: Tensor): Tensor;
  /** Pictures as the model gives them back, [B, C, H, W] in [0, 1]. */
  reconstruct?(network: N, images: Tensor): Tensor;
  /** Fresh pictures; yields what can be shown on the way, the finished ones last. */
  sample?(network: N, context: SampleContext): AsyncGenerator<Pictures>;
}

/** Give a record its exact types; the list of models forgets them. */
export function defineModel<C, N extends Module>(record: ModelRecord<C, N>): ModelRecord<C, N> {
  return record;
}
