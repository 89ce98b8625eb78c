import { RandomStreams } from "../core/streams.ts";
import type { ExampleSet } from "../data/dataset.ts";
import { type BatchTarget, Loader } from "../data/loader.ts";
import { isText, isWindow } from "../data/token-set.ts";
import type { BatchPart, ModelRecord } from "../models/model.ts";
import type { Module } from "../nn/module.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";
import { batchInputs, wantedParts } from "./batch.ts";

export interface EvaluateOptions {
  record: ModelRecord;
  config: unknown;
  network: Module;
  /** The held-out split, at the model's shape. */
  set: ExampleSet;
  backend: Backend;
  /** Of the metrics' own draws; the same seed gives the same figure. Default 0. */
  seed?: number | string;
  /** Examples a run. Default 100, or fewer of long texts. */
  batch?: number;
}

/** The model's metrics on a whole split: each the mean over its examples of a value per example, or what the metric's `reduce` makes of several means. */
export async function evaluate(options: EvaluateOptions): Promise<Record<string, number>> {
  const { record, set } = options;
  const figures: Record<string, number> = {};
  for (const [name, values] of Object.entries(await evaluateEach(options))) {
    const means = new Array<number>(values.length / set.count).fill(0);
    for (let i = 0; i < values.length; i++) means[i % means.length] += values[i];
    for (let i = 0; i < means.length; i++) means[i] /= set.count;
    const facts = set.kind === "tokens" || set.kind === "pairs" ? { bytesPerToken: set.bytesPerToken } : {};
    const reduce = record.metricInfo[name]?.reduce;
    const figure = reduce === undefined ? means[0] : reduce(means, facts);
    if (reduce === undefined || !Number.isNaN(figure)) figures[name] = figure;
  }
  return figures;
}

/** The model's metrics of every example of a split: by name, [N] each ([N, n] for metrics of several values), in the set's order. */
export async function evaluateEach({
  record,
  config,
  network,
  set,
  backend,
  seed = 0,
  batch = examplesAtOnce(record, config),
}: EvaluateOptions): Promise<Record<string, Float64Array>> {
  const size = Math.min(batch, set.count);
  const program = await compile<BatchPart, string>(backend, (batch, rng) => record.metrics(network, batch, rng), {
    name: `${record.name} evaluation`,
    inputs: batchInputs(record, config, size),
    streams: new RandomStreams(seed),
  });
  const target: BatchTarget = Object.fromEntries(
    Object.entries(wantedParts(record, set.kind)).map(([part, is]) => [part, is ? program.inputs[part as BatchPart] : undefined]),
  );
  const each: Record<string, Float64Array> = {};
  for (const { start, valid } of new Loader(set, { batch: size, shuffle: false, dropLast: false }).evaluationBatches(target)) {
    const values = await program.run();
    for (const [name, column] of Object.entries(values)) {
      const width = column.length / size;
      each[name] ??= new Float64Array(set.count * width);
      for (let i = 0; i < valid * width; i++) each[name][start * width + i] = Number(column[i]);
    }
  }
  await program.dispose();
  return each;
}

/** Scores of all tokens that an evaluation has in memory at once. */
const SCORES = 1 << 24;

/** Examples a run: 100, or fewer where each token's scores are many. */
function examplesAtOnce({ data }: ModelRecord, config: unknown): number {
  const shape = data.shape(config);
  if (!isText(shape)) return 100;
  const each = shape.vocabulary * (isWindow(shape) ? shape.tokens : shape.target);
  return Math.max(1, Math.min(100, Math.floor(SCORES / each)));
}
