import { z } from "zod";
import { UsageError } from "../core/errors.ts";
import type { RandomStream } from "../core/random.ts";
import { type DataShape, type ExampleShape, type ImageShape, isPoint } from "../data/dataset.ts";
import { isText, type TokenShape } from "../data/token-set.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Rng } from "../graph/trace.ts";
import type { Terms } from "../nn/losses.ts";
import type { Module } from "../nn/module.ts";
import type { Build, CompileOptions, Program } from "../runtime/program.ts";
import type { TokenizerKind } from "../tokenizers/learn.ts";
import type { LeaderboardEntry } from "./leaderboard.ts";
import type { Translation } from "./translation.ts";

/** What an objective and a metric see of a batch. */
export interface Batch {
  /** [B, C, H, W], intensity in [0, 1]. Only for models of pictures. */
  readonly images: Tensor;
  /** [B, D], points as they are. Only for models of points: configurations whose `data.shape` is [D]. */
  readonly points: Tensor;
  /** [B], class indices, int32. Only for models that ask for labels. */
  readonly labels: Tensor;
  /**
   * [B, K], what is known of each picture: its attributes as 0 and 1 where the data have attributes, else its class as one-hot. Only for models that ask
   * for conditions.
   */
  readonly conditions: Tensor;
  /** [B, T + 1], int32: windows of a text. The first T are what is read, the last T what is to be said. Only for models whose `data.shape` is `{ tokens: T }`. */
  readonly tokens: Tensor;
  /** [B, S], int32: sources of pairs, ids and then the end token, padded with 0. Only for models whose `data.shape` is `{ source: S, target: T }`. */
  readonly source: Tensor;
  /** [B, T], int32: targets of pairs, the begin token, ids, the end token, padded with 0. */
  readonly target: Tensor;
}

/** The parts of a batch, by name. */
export type BatchPart = keyof Batch;

/** How a run is trained: the same settings for every model, each preset with its own defaults. */
export const trainingSettings = z.strictObject({
  epochs: z.number().positive().max(100_000).describe("passes over the training split"),
  steps: z.int().min(0).max(1_000_000_000).describe("steps in all, whatever the epochs; 0 for as many as these take"),
  batch: z.int().min(1).max(65_536).describe("pictures, points, windows of text or pairs a step"),
  learningRate: z.number().positive().max(10).describe("the optimizer's step size, before the schedule"),
  optimizer: z.enum(["sgd", "rmsprop", "adam", "adamw"]).describe("the update rule"),
  beta1: z.number().min(0).max(0.9999).describe("Adam's decay of the gradient's mean"),
  beta2: z.number().min(0).max(0.999999).describe("Adam's decay of the gradient's square"),
  epsilon: z.number().positive().max(1).describe("added to Adam's and RMSProp's root"),
  momentum: z.number().min(0).max(0.9999).describe("of sgd and rmsprop"),
  weightDecay: z.number().min(0).max(10).describe("L2 penalty (adamw: decoupled)"),
  schedule: z.enum(["constant", "linear", "cosine", "inverse-root"]).describe("what the learning rate does after the warm-up"),
  finalRate: z.number().min(0).max(1).describe("where linear and cosine schedules end, as a fraction of the learning rate"),
  warmup: z.int().min(0).max(10_000_000).describe("steps over which the learning rate rises"),
  clipNorm: z.number().min(0).describe("limit on the gradient's norm; 0 for none"),
  ema: z.number().min(0).max(0.999999).describe("decay of the averaged weights that samples use; 0 for none"),
  flip: z.boolean().describe("mirror each second training picture"),
  crop: z.int().min(0).max(64).describe("pixels by which training pictures are moved at most"),
  colour: z.number().min(0).max(1).describe("by how much brightness, contrast and saturation of training pictures change"),
  windows: z
    .enum(["random", "blocks"])
    .describe("windows of a text: at random places, or the blocks that it is cut into, each once an epoch in random order"),
  evaluateEvery: z
    .int()
    .min(0)
    .max(1_000_000_000)
    .describe("steps between looks at the held-out metrics on the way; 0 for only at the end, or once an epoch where patience needs them"),
  patience: z
    .int()
    .min(0)
    .max(100_000)
    .describe("early stopping: end after so many looks that bring nothing better, with the best look's weights; 0 for never"),
  stopMetric: z.string().max(64).describe("the held-out metric that patience watches; empty for the model's first"),
});

export type TrainingSettings = z.infer<typeof trainingSettings>;

/** PyTorch's defaults, where a preset says nothing else. */
export const defaultTraining: TrainingSettings = {
  epochs: 10,
  steps: 0,
  batch: 64,
  learningRate: 1e-3,
  optimizer: "adam",
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  momentum: 0,
  weightDecay: 0,
  schedule: "constant",
  finalRate: 0,
  warmup: 0,
  clipNorm: 0,
  ema: 0,
  flip: false,
  crop: 0,
  colour: 0,
  windows: "random",
  evaluateEvery: 0,
  patience: 0,
  stopMetric: "",
};

export interface Preset<C> {
  readonly config: C;
  /** What differs from {@link defaultTraining}. */
  readonly training: Partial<TrainingSettings>;
  /** One line: what it is for and about how long it takes on two cores. */
  readonly about: string;
  /** The data set it is made for, where that is not the model's first. */
  readonly data?: string;
}

/** What a model made: pictures, or points where its configuration is for points. */
export interface Samples {
  readonly data: Float32Array;
  readonly shape: readonly [number, ...ExampleShape];
}

/** Pictures that a model made: [count, C, H, W], intensity in [0, 1]. */
export interface Pictures extends Samples {
  readonly shape: readonly [number, ...ImageShape];
}

/** Points that a model made: [count, D]. */
export interface Points extends Samples {
  readonly shape: readonly [count: number, dimensions: number];
}

/** Pictures of which some pixels are known: what in-painting starts from. */
export interface GivenPictures extends Pictures {
  /** [count, H, W], 1 where a pixel is known and stays as it is, 0 where the model paints. */
  readonly known: Uint8Array;
}

export interface SampleContext {
  /** How many pictures or points. */
  readonly count: number;
  /** [count, K], what the pictures shall show, for models that take conditions; as `Batch.conditions`. */
  readonly conditions?: Float32Array | undefined;
  /** Pictures to fill in, for models that can (`fills`). */
  readonly given?: GivenPictures | undefined;
  /** [count, C, H, W], pictures to set out from, for models that can (`starts`). */
  readonly from?: Pictures | undefined;
  /** How to sample: what the record's `sampling` describes, checked, with its defaults. A record reads it with `sampling.parse(options)`, which gives the types. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Trace and load a program on the run's device, in evaluation mode, with the sample's own random streams. */
  compile<I extends string, O extends string>(build: Build<I, O>, options?: CompileOptions<I>): Promise<Program<I, O>>;
}

/**
 * One move of a step: a program that computes losses and moves some of the players by them. Players of one phase are moved from one forward pass, all
 * gradients taken before any of them moves.
 */
export interface Phase<N extends Module = Module> {
  /** Names of the players moved. */
  readonly moves: readonly string[];
  /** What each moved player minimises; the names of all terms of a model are different. */
  losses(network: N, batch: Batch, rng: Rng): Readonly<Record<string, Terms>>;
  /** Times a step, each with a new batch. Default 1. */
  readonly repeat?: number;
  /** Whether it takes a new batch (default) or the one of the phase before. */
  readonly batch?: "new" | "same";
  /** The part of the training in which it is played, as fractions of all steps: default [0, 1]. */
  readonly span?: readonly [from: number, to: number];
}

/** Networks that are trained against each other, or one after the other: each has an optimizer of its own. */
export interface Players<N extends Module = Module> {
  /** The parts by player's name: together they hold every parameter of the network, and none twice. */
  parts(network: N): Readonly<Record<string, Module | readonly Module[]>>;
  /** The moves of one step, in order. */
  readonly phases: readonly Phase<N>[];
  /** Factor on the run's learning rate, by player. Default 1. */
  readonly learningRates?: Readonly<Record<string, number>>;
  /** Players whose weights are limited to [-c, c] after each move (Wasserstein GAN, Algorithm 1), by name. */
  readonly clipWeights?: Readonly<Record<string, number>>;
}

/** What a held-out metric is. */
export interface MetricInfo {
  readonly unit: string;
  readonly better: "lower" | "higher";
  readonly about: string;
  /** For metrics of the whole split, such as of a histogram: the number reported, from the n values' means over the split. NaN is left out of the report. */
  reduce?(means: readonly number[], facts?: SplitFacts): number;
}

/** What a metric of a whole split may need to know of it. */
export interface SplitFacts {
  /** Bytes of the text as UTF-8 per token; not known of all text, and of nothing else. */
  readonly bytesPerToken?: number | undefined;
}

/** A tokenizer that is trained when a run begins without one. */
export interface TokenizerWish {
  readonly kind: TokenizerKind;
  /** Tokens at most. */
  readonly size: number;
}

/** How a recurrent language model goes on token by token. */
export interface Recurrence<N> {
  /** The arrays that it carries from token to token, by name, for B texts; all begin as zeros. */
  state(network: N, batch: number): Readonly<Record<string, readonly number[]>>;
  /** tokens [B] int32 and the state before them -> scores of the next token [B, V], and the state after. */
  step(network: N, tokens: Tensor, state: Readonly<Record<string, Tensor>>): { logits: Tensor; state: Readonly<Record<string, Tensor>> };
}

/** A figure of a whole model that no mean over pictures gives, and its standard error. */
export interface Estimate {
  readonly value: number;
  readonly error: number;
}

export type Estimates = Readonly<Record<string, Estimate>>;

/** What an estimate may use. */
export interface EstimateContext {
  /** The model's metrics on held-out data. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Trace and load a program on the run's device, in evaluation mode, with the estimate's own random streams. */
  compile<I extends string, O extends string>(build: Build<I, O>, options?: CompileOptions<I>): Promise<Program<I, O>>;
  /** Told how far it is. */
  onProgress?: ((message: string) => void) | undefined;
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
  /** Settings that came later, with the values by which runs from before them go on; {@link build} takes configurations that lack these. */
  readonly later?: Readonly<Partial<C>>;
  /** Every model has `smoke`, `small` and `paper`; some have further ones for variants of the method. */
  readonly presets: Readonly<Record<"smoke" | "small" | "paper", Preset<C>> & Record<string, Preset<C>>>;
  readonly data: {
    /** Names of data sets that suit it; the first is the default. */
    readonly sets: readonly string[];
    readonly labels: boolean;
    /** How many conditions a configuration takes; absent where it takes none. */
    conditions?(config: C): number;
    /** What a configuration takes: the shape of a picture [C, H, W], of a point [D], or sizes of text. By custom the setting of a `vocabulary` has this name. */
    shape(config: C): DataShape;
    /** For models of text: what tokenizer is trained where none is given; of pairs, the targets'. */
    tokenizer?(config: C): TokenizerWish;
    /** For models of pairs: the sources' own tokenizer; absent where both have one. By custom the setting of its size is `sourceVocabulary`. */
    sourceTokenizer?(config: C): TokenizerWish | undefined;
  };
  /** The network with its first weights. */
  build(config: C, rng: RandomStream): N;
  /** What is minimised: named terms, each the mean over the batch of a sum over an example's dimensions. */
  objective?(network: N, batch: Batch, rng: Rng): Terms;
  /** Instead of an objective: who moves when, and by which losses. */
  players?(config: C): Players<N>;
  /** Held-out metrics: one value per example, [B] each, or several, [B, n], where the metric's `reduce` says so; their mean over the split is reported. */
  metrics(network: N, batch: Batch, rng: Rng): Record<string, Tensor>;
  /** Units and meaning of each metric, and which way is better. */
  readonly metricInfo: Readonly<Record<string, MetricInfo>>;
  /** Figures of the whole model, such as the constant that makes its energies a likelihood; asked for by an evaluation, after the metrics. */
  estimates?(network: N, context: EstimateContext): Promise<Estimates>;
  /** Units and meaning of each estimate. */
  readonly estimateInfo?: Readonly<Record<string, MetricInfo>>;
  // What it can do beyond learning; a verb that it cannot do names those that it can. For a configuration of points, `images` and pictures are points [B, D].
  /** How it is compared with other families; models that paint pictures take part without it, too, by their preset `small`. */
  readonly leaderboard?: LeaderboardEntry<C>;
  /** Class scores [B, K] of pictures. */
  classify?(network: N, images: Tensor): Tensor;
  /** Features [B, D] of pictures, in which sets of pictures are compared. */
  features?(network: N, images: Tensor): Tensor;
  /** Codes [B, Z] of pictures. */
  encode?(network: N, images: Tensor, conditions?: Tensor): Tensor;
  /** Pictures [B, C, H, W] in [0, 1] from codes [B, Z], for models that take conditions with them. */
  decode?(network: N, codes: Tensor, conditions?: Tensor): Tensor;
  /** What codes are trained to be distributed as, for models with an encoder that has such an aim: independent standard normal numbers. */
  readonly prior?: "normal";
  /** The shape of one code, for models that decode codes and have no encoder. */
  codes?(config: C): readonly number[];
  /** Pictures as the model gives them back, [B, C, H, W] in [0, 1]. */
  reconstruct?(network: N, images: Tensor, conditions?: Tensor): Tensor;
  /** log p of points [B, D], [B] in nats, for models that know it, exactly or by an integral: held-out likelihood and density maps come from it. */
  logDensity?(network: N, points: Tensor, conditions?: Tensor): Tensor;
  /** Whether {@link sample} fills in given pictures. */
  readonly fills?: boolean;
  /** Whether {@link sample} can set out from pictures (`SampleContext.from`); "needs" where it cannot do without. */
  readonly starts?: boolean | "needs";
  /** What can be chosen when {@link sample} is called, such as `steps`: every field has a default, and its unit and range in its description. */
  readonly sampling?: z.ZodObject;
  /** Of language models: scores of the token after each, [B, T, V], from tokens [B, T] int32, T up to the context. Each row sees those before it only. */
  logits?(network: N, tokens: Tensor): Tensor;
  /** Whether the network is an `AttendingNetwork` (`nn/attending.ts`), whose attention can be looked at. */
  readonly attends?: boolean;
  /** Of recurrent language models: how they go on without reading everything again. */
  readonly recurrence?: Recurrence<N>;
  /** Of models of pairs: how they write a target. */
  readonly translation?: Translation<N>;
  /** Fresh pictures or points; yields what can be shown on the way, the finished ones last. */
  sample?(network: N, context: SampleContext): AsyncGenerator<Samples>;
}

/** The shape of a configuration that takes pictures or points. @throws UsageError where it takes text */
export function numericShape(record: Pick<ModelRecord, "name" | "data">, config: unknown): ExampleShape {
  const shape = record.data.shape(config);
  if (!isText(shape)) return shape;
  throw new UsageError({ what: `This works with pictures, and the model "${record.name}" is one of text.` });
}

/** The sizes of a configuration that takes text; undefined where it takes pictures or points. */
export function textShape(record: Pick<ModelRecord, "data">, config: unknown): TokenShape | undefined {
  const shape = record.data.shape(config);
  return isText(shape) ? shape : undefined;
}

/** The picture shape that a configuration takes. @throws UsageError where it takes points or text */
export function pictureShape(record: Pick<ModelRecord, "name" | "data">, config: unknown): ImageShape {
  const shape = numericShape(record, config);
  if (!isPoint(shape)) return shape;
  throw new UsageError({
    what: `This works with pictures, and the model "${record.name}" was set up for points.`,
    got: `[${shape.join(", ")}]`,
  });
}

/** Give a record its exact types; the list of models forgets them. */
export function defineModel<C, N extends Module>(record: ModelRecord<C, N>): ModelRecord<C, N> {
  return record;
}
