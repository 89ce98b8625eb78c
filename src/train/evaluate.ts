import { RandomStreams } from "../core/streams.ts";
import type { ImageSet } from "../data/dataset.ts";
import { Loader } from "../data/loader.ts";
import type { BatchPart, ModelRecord } from "../models/model.ts";
import type { Module } from "../nn/module.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";
import { batchInputs, wantedParts } from "./batch.ts";

export interface EvaluateOptions {
  record: ModelRecord;
  config: unknown;
  network: Module;
  /** The held-out split, at the model's picture shape. */
  set: ImageSet;
  backend: Backend;
  /** Of the metrics' own draws; the same seed gives the same figure. Default 0. */
  seed?: number | string;
  /** Pictures a run. Default 100. */
  batch?: number;
}

/** The model's metrics on a whole split: each the mean over its pictures of a value per picture. */
export async function evaluate({
  record,
  config,
  network,
  set,
  backend,
  seed = 0,
  batch = 100,
}: EvaluateOptions): Promise<Record<string, number>> {
  const size = Math.min(batch, set.count);
  const program = await compile<BatchPart, string>(backend, (batch, rng) => record.metrics(network, batch, rng), {
    name: `${record.name} evaluation`,
    inputs: batchInputs(record, config, size),
    streams: new RandomStreams(seed),
  });
  const wanted = wantedParts(record);
  const target = {
    images: program.inputs.images as Float32Array,
    labels: wanted.labels ? (program.inputs.labels as Int32Array) : undefined,
    conditions: wanted.conditions ? (program.inputs.conditions as Float32Array) : undefined,
  };
  const totals: Record<string, number[]> = {};
  for (const { valid } of new Loader(set, { batch: size, shuffle: false, dropLast: false }).evaluationBatches(target)) {
    const values = await program.run();
    for (const [name, column] of Object.entries(values)) {
      const each = column.length / size;
      totals[name] ??= new Array<number>(each).fill(0);
      for (let i = 0; i < valid * each; i++) totals[name][i % each] += Number(column[i]);
    }
  }
  await program.dispose();
  const figures = Object.entries(totals).map(([name, sums]) => {
    const means = sums.map((total) => total / set.count);
    return [name, record.metricInfo[name]?.reduce?.(means) ?? means[0]];
  });
  return Object.fromEntries(figures) as Record<string, number>;
}
