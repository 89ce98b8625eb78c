import { mkdir } from "node:fs/promises";
import path from "node:path";
import { fileError, writeFileAtomic } from "../core/node/files.ts";
import { packageInfo } from "../core/node/package-info.ts";
import type { BatchPart, ModelRecord, TrainingSettings } from "../models/index.ts";
import { type Module, namedParameters, namedStates } from "../nn/module.ts";
import type { ExportedGraph } from "../pretrained/onnx-export.ts";
import { encodeSafetensors, type FileTensor } from "../pretrained/safetensors.ts";
import { batchInputs } from "../train/batch.ts";
import { exportModel } from "../train/portable-model.ts";
import { portableStep } from "../train/portable-step.ts";
import { makeOptimizer } from "../train/session.ts";
import { configHash, loadLatest } from "./checkpoint.ts";
import { type LoadedModel, loadModel } from "./load.ts";
import type { Run } from "./registry.ts";

export interface ExportRunOptions {
  run: Run;
  /** Where the files go; made if missing, files of the same names are replaced. */
  folder: string;
  format: "onnx" | "safetensors";
  /** Default 21. */
  opset?: number | undefined;
  /** Pictures in the training step's batch. Default: as the run was trained. */
  batch?: number | undefined;
  onWarning?: ((text: string) => void) | undefined;
}

/** What was written. */
export interface ExportedRun {
  folder: string;
  /** Names of the files, in the order of writing. */
  files: string[];
  /** Functions that only fit one batch size, and why. */
  fixed: { file: string; size: number; because: string }[];
}

type Write = (name: string, content: Uint8Array | string) => Promise<void>;

/**
 * Write a run's newest checkpoint for other programs, each file atomically.
 * `onnx`: one inference graph for each thing the model can do, its training step with the state to begin from, and `export.json`, which describes them.
 * `safetensors`: `model.safetensors` (weights by their paths in the model, averaged ones where the run keeps an average) and `config.json`.
 * @throws FileError when there is no checkpoint or the folder cannot be written; UsageError for an operator set that is not supported
 */
export async function exportRun(options: ExportRunOptions): Promise<ExportedRun> {
  const { run, folder, format, onWarning } = options;
  const model = await loadModel(run, onWarning);
  const result: ExportedRun = { folder, files: [], fixed: [] };
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw fileError(error, "The folder for the export cannot be made.", folder);
  });
  const write: Write = async (name, content) => {
    await writeFileAtomic(path.join(folder, name), content);
    result.files.push(name);
  };
  if (format === "safetensors") await writeWeights(model, run, write);
  else await writePrograms(model, options, write, result);
  return result;
}

function notesOf({ record, step, hash }: LoadedModel, run: Run): Record<string, string> {
  return { model: record.name, run: run.name, step: String(step), checkpoint: hash, atelier: packageInfo().version };
}

async function writeWeights(model: LoadedModel, run: Run, write: Write): Promise<void> {
  const { record, config, network } = model;
  const leaves = [...namedParameters(network), ...namedStates(network)];
  const tensors = Object.fromEntries(leaves.map(([name, { shape, dtype, data }]) => [name, { dtype, shape, data } as FileTensor]));
  await write("model.safetensors", encodeSafetensors(tensors, notesOf(model, run)));
  await write("config.json", json({ model: record.name, family: record.family, config, ...notesOf(model, run) }));
}

async function writePrograms(model: LoadedModel, options: ExportRunOptions, write: Write, result: ExportedRun): Promise<void> {
  const { record, config, network } = model;
  const { run, opset } = options;
  const metadata = notesOf(model, run);
  const graphs = await exportModel({ record, config, network, opset, metadata });
  for (const [name, graph] of graphs) {
    await write(`${name}.onnx`, graph.model);
    if (!graph.batch.free) result.fixed.push({ file: `${name}.onnx`, size: graph.batch.size, because: graph.batch.because });
  }
  if (record.objective !== undefined) await writeStep(model, options, write, metadata);
  const functions = Object.fromEntries([...graphs].map(([name, graph]) => [name, describe(name, graph)]));
  await write(
    "export.json",
    json({ format: "atelier-export-1", ...metadata, title: record.title, paper: record.paper, config, functions }),
  );
}

/** The training step of a model that has one objective, and the state to begin from. */
async function writeStep(
  model: LoadedModel,
  { run, opset, batch }: ExportRunOptions,
  write: Write,
  metadata: Record<string, string>,
): Promise<void> {
  const { record, config, network } = model;
  const training = run.record.training as TrainingSettings;
  const { model: program, layout } = exportStep(
    record,
    config,
    network,
    { ...training, batch: batch ?? training.batch },
    { opset, metadata },
  );
  await write("training-step.onnx", program);
  await write("training-step.json", json({ ...layout, learningRate: training.learningRate, ...metadata }));
  await write("state.safetensors", await stateOf(run, model, layout.inputs.state, metadata));
}

function describe(name: string, { inputs, outputs, batch }: ExportedGraph) {
  return { file: `${name}.onnx`, inputs, outputs, batch: batch.free ? "free" : batch.size };
}

/** The training step of a model of the garden with a run's settings, at their batch size. */
export function exportStep(
  record: ModelRecord,
  config: unknown,
  network: Module,
  training: TrainingSettings,
  notes: { opset?: number | undefined; metadata?: Record<string, string> } = {},
): ReturnType<typeof portableStep> {
  const { batch, weightDecay, clipNorm, ema } = training;
  return portableStep<BatchPart>({
    module: network,
    objective: (values, rng) => record.objective!(network, values, rng),
    inputs: batchInputs(record, config, batch),
    optimizer: makeOptimizer(training),
    ...{ weightDecay, clipNorm, ema },
    ...notes,
  });
}

/** The checkpoint's own arrays, and the count of steps: what the training step goes on from. */
async function stateOf(
  run: Run,
  { record, config, step }: LoadedModel,
  state: readonly { name: string }[],
  metadata: Record<string, string>,
): Promise<Uint8Array> {
  const { tensors } = await loadLatest(run, { model: record.name, configHash: configHash(config) });
  const arrays = new Map<string, FileTensor>([["step", { dtype: "int64", shape: [], data: BigInt64Array.of(BigInt(step)) }]]);
  for (const { name } of state) {
    const array = tensors.get(name);
    if (array !== undefined) arrays.set(name, array);
  }
  return encodeSafetensors(arrays, metadata);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
