import { findModel } from "../../src/models/index.ts";
import type { Batch, ModelRecord } from "../../src/models/model.ts";
import type { Module } from "../../src/nn/module.ts";
import { adam } from "../../src/optim/adam.ts";
import { STREAMS, tokens } from "../harness/values.ts";
import type { Workload } from "../harness/workload.ts";
import { type TrainingSpec, trainingWorkload } from "./training.ts";

// Models of pairs, at the sizes of their presets for words and their sounds, without dropout.

const [batch, source, target] = [128, 16, 16];

/** Ids from 3 on, each row of another length, ended with 2 and padded with 0; begun with 1 where asked. */
function ended(stream: number, below: number, shape: readonly [number, number], begin: boolean): Int32Array[] {
  const [count, length] = shape;
  return tokens(stream, shape, below - 3).map((ids, pool) => {
    for (let row = 0; row < count; row++) {
      const end = 2 + (((pool * count + row) * 7) % (length - 2));
      for (let at = 0; at < length; at++) {
        const place = row * length + at;
        ids[place] = at > end ? 0 : at === end ? 2 : begin && at === 0 ? 1 : ids[place] + 3;
      }
    }
    return ids;
  });
}

type Sizes = { sourceVocabulary: number; vocabulary: number };
type Rest = Pick<TrainingSpec<Module, "source" | "target">, "learningRate" | "clipNorm" | "optimizer">;

/** The training step of a preset, with changes to its configuration. */
function pairsWorkload(name: string, summary: string, model: string, change: object, rest: Rest): Workload {
  const record: ModelRecord = findModel(model);
  const config = { ...(record.presets.small.config as Sizes), dropout: 0, ...change };
  const shapes = { source: [batch, source], target: [batch, target] } as const;
  return trainingWorkload({
    ...{ name, summary, ...rest },
    build: (rng) => record.build(config, rng),
    objective: (network, given, rng) => record.objective!(network, given as unknown as Batch, rng),
    inputs: { source: { shape: shapes.source, dtype: "int32" }, target: { shape: shapes.target, dtype: "int32" } },
    batches: () => ({
      source: ended(STREAMS.ids, config.sourceVocabulary, shapes.source, false),
      target: ended(STREAMS.labels, config.vocabulary, shapes.target, true),
    }),
  });
}

const recurrent: Rest = { learningRate: 2e-3, clipNorm: 5 };
const words = "batch 128 of 16 letters and 16 sounds, Adam, clipped";

export const translationWorkloads: readonly Workload[] = [
  pairsWorkload(
    "transformer-g2p",
    "encoder-decoder Transformer, 3 + 3 layers, 4 heads, width 128, pre-norm, labels smoothed; batch 128 of 16 letters and 16 sounds, Adam, clipped",
    "transformer",
    {},
    { learningRate: 2e-3, clipNorm: 1, optimizer: adam({ beta2: 0.98 }) },
  ),
  pairsWorkload("seq2seq", `sequence to sequence, bidirectional GRU and additive attention; ${words}`, "seq2seq", {}, recurrent),
  pairsWorkload("seq2seq-luong", `bidirectional LSTM and general attention; ${words}`, "seq2seq", { attention: "general" }, recurrent),
  pairsWorkload(
    "seq2seq-feeding",
    `bidirectional LSTM, dot attention and input feeding; ${words}`,
    "seq2seq",
    { attention: "dot", inputFeeding: true },
    recurrent,
  ),
];
