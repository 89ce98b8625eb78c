/** One line of a leaderboard: all that was measured of one model. */
import { cpus } from "node:os";
import { sizeOf } from "../../core/dtype.ts";
import type { ImageShape } from "../../data/dataset.ts";
import { bitsPerDim, natsOfBitsPerDim, natsOfDensity } from "../../metrics/likelihood.ts";
import { type Likelihood, type ModelRecord, numericShape } from "../../models/index.ts";
import { threadOptions } from "../../runtime/node/threads.ts";
import type { Measure, MeasureName } from "../measures.ts";

/** A held-out likelihood. */
export interface BoardLikelihood {
  /** -ln p of a picture, or what it is bounded or estimated by. */
  nats: number;
  bitsPerDim: number;
  kind: Likelihood["kind"];
  of: string;
}

export interface BoardRow {
  /** The model's name; of a run that was taken, the run's. */
  name: string;
  model: string;
  title: string;
  family: string;
  preset: string | null;
  run: string;
  /** Whether it is a finished run that was not trained by the leaderboard. */
  taken: boolean;
  checkpoint: string;
  /** [C, H, W] of what it paints. */
  shape: ImageShape;
  parameters: number;
  training: {
    /** Of training steps. */
    seconds: number;
    steps: number;
    /** Steps that its preset asks for. */
    presetSteps: number;
  };
  sampling: {
    pictures: number;
    /** Drawn in batches, without the making of programs. */
    secondsPerPicture: number;
    compileSeconds: number;
  };
  likelihood?: BoardLikelihood | undefined;
  /** By features. */
  features: string;
  measures: Record<MeasureName, Measure>;
  /** What a reader should know of this row. */
  notes: string[];
  machine: Machine;
}

/** Where and when times were measured. */
export interface Machine {
  processor: string;
  cores: number;
  /** Threads of the runtime; 0 where it chooses by itself. */
  threads: number;
  runtime: string;
  node: string;
  /** Day, UTC. */
  date: string;
}

/** This machine, now. @param runtime the device's description */
export function machineOf(runtime: string): Machine {
  const all = cpus();
  return {
    processor: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    threads: threadOptions().threads,
    runtime,
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
  };
}

/**
 * The likelihood among a model's held-out metrics, as its record says which; where it says nothing, its `bitsPerDim`.
 * @returns undefined for models that know none
 */
export function likelihoodOf(
  record: Pick<ModelRecord, "name" | "leaderboard" | "metricInfo" | "data">,
  config: unknown,
  results: Readonly<Record<string, number>>,
): BoardLikelihood | undefined {
  const dimensions = sizeOf(numericShape(record, config));
  const said = record.leaderboard?.likelihood?.(config);
  if (said === undefined) {
    if (record.leaderboard?.likelihood !== undefined || !Number.isFinite(results.bitsPerDim)) return undefined;
    const bits = results.bitsPerDim;
    return { nats: natsOfBitsPerDim(bits, dimensions), bitsPerDim: bits, kind: "estimate", of: "as its page says" };
  }
  const sign = (metric: string) => (record.metricInfo[metric]?.better === "higher" ? -1 : 1);
  const sum = said.metrics.reduce((total, metric) => total + sign(metric) * (results[metric] ?? Number.NaN), 0);
  if (!Number.isFinite(sum)) return undefined;
  const nats = said.density ? natsOfDensity(sum, dimensions) : sum;
  return { nats, bitsPerDim: bitsPerDim(nats, dimensions), kind: said.kind, of: said.of };
}
