import { mkdir } from "node:fs/promises";
import path from "node:path";
import { writeFileAtomic } from "../core/node/files.ts";
import type { ImageSet } from "../data/dataset.ts";
import type { ModelRecord, TrainingSettings } from "../models/index.ts";
import { encodePng } from "../report/png.ts";
import type { Backend } from "../runtime/backend.ts";
import { diagnose } from "../train/diagnosis.ts";
import { evaluate } from "../train/evaluate.ts";
import { type SessionState, type StepReport, TrainingSession } from "../train/session.ts";
import { cardText } from "./card.ts";
import { configHash, type Json, loadLatest, saveCheckpoint } from "./checkpoint.ts";
import { lockRun } from "./lock.ts";
import { MetricsLog, truncateAfter } from "./metrics-log.ts";
import { views } from "./pictures.ts";
import type { Run } from "./registry.ts";

export interface RunTrainingOptions {
  run: Run;
  record: ModelRecord;
  /** The splits at the model's shape. */
  set: ImageSet;
  held: ImageSet;
  backend: Backend;
  /** Go on from the newest checkpoint. */
  resume: boolean;
  /** Seconds between checkpoints. Default 30. */
  checkpointSeconds?: number;
  /** Pause: the step in progress ends, a checkpoint is written, the run is marked as stopped. */
  signal?: AbortSignal;
}

/** What a run tells while it trains. */
export type TrainingEvent =
  | { type: "start"; step: number; totalSteps: number; parameters: number; compileSeconds: number }
  | { type: "step"; report: StepReport; seconds: number }
  | { type: "pictures"; step: number; files: string[] }
  | { type: "checkpoint"; step: number; hash: string }
  | { type: "warning"; text: string }
  | { type: "results"; results: Record<string, number> }
  | { type: "end"; step: number; hash: string; stopped: boolean };

/**
 * Train a run to its end or until it is asked to stop, writing metrics, sample grids and checkpoints into its folder. Pictures come at every tenth
 * of the run, and at its end.
 *
 * @throws AtelierError when the loss is not finite (the run is then `failed` and its last checkpoint good); FileError when the folder cannot be written
 */
export async function* trainRun(options: RunTrainingOptions): AsyncGenerator<TrainingEvent> {
  const { run } = options;
  const lock = lockRun(run.folder);
  try {
    await run.update({ status: "training" });
    yield* train(options);
  } catch (error) {
    await run.update({ status: "failed" }).catch(() => undefined);
    throw error;
  } finally {
    lock.release();
  }
}

async function* train(options: RunTrainingOptions): AsyncGenerator<TrainingEvent> {
  const { run, record, set, held, backend, signal, checkpointSeconds = 30 } = options;
  const started = performance.now();
  const training = run.record.training as TrainingSettings & { steps?: number };
  const { config, seed } = run.record;
  const session = await TrainingSession.create({ record, config, training, set, seed, backend, steps: training.steps });
  const warnings: string[] = [];
  const hash = configHash(config);
  let saved = options.resume ? await resume(run, record, session, hash, (text) => warnings.push(text)) : "";
  const log = new MetricsLog(run.metricsFile);
  const context = { record, config, network: session.network, backend };
  const pictureEvery = Math.max(1, Math.ceil(session.totalSteps / 10));
  yield {
    type: "start",
    step: session.step,
    totalSteps: session.totalSteps,
    parameters: session.network.parameterCount,
    compileSeconds: (performance.now() - started) / 1000,
  };
  for (const text of warnings) yield { type: "warning", text };
  let lastSave = performance.now();
  const checkpoint = async () => {
    log.flush();
    saved = (await saveCheckpoint(run, { tensors: fileTensors(session), state: session.state as unknown as Json, step: session.step }))
      .hash;
    lastSave = performance.now();
    return { type: "checkpoint", step: session.step, hash: saved } as const;
  };
  while (session.step < session.totalSteps && !signal?.aborted) {
    const before = performance.now();
    const report = await session.advance();
    const seconds = (performance.now() - before) / 1000;
    log.append({ step: report.step, epoch: report.epoch, seconds, learningRate: report.learningRate, ...report.terms });
    yield { type: "step", report, seconds };
    const text = diagnose(record, report, session.stepsPerEpoch);
    if (text !== undefined) yield { type: "warning", text };
    if (report.step % pictureEvery === 0 || report.step === session.totalSteps) {
      yield { type: "pictures", step: report.step, files: await writePictures(run, context, held, report.step) };
    }
    if ((performance.now() - lastSave) / 1000 >= checkpointSeconds) yield await checkpoint();
  }
  if (saved === "" || lastSave < performance.now()) yield await checkpoint();
  const stopped = session.step < session.totalSteps;
  if (!stopped) {
    const results = await evaluate({ record, config, network: session.network, set: held, backend });
    await run.update({ results, status: "finished" });
    await writeFileAtomic(run.cardFile, cardText(run, record, session.step));
    yield { type: "results", results };
  } else await run.update({ status: "stopped" });
  await session.dispose();
  yield { type: "end", step: session.step, hash: saved, stopped };
}

function fileTensors(session: TrainingSession) {
  return Object.fromEntries([...session.tensors()].map(([name, { shape, data }]) => [name, { dtype: "float32" as const, shape, data }]));
}

async function resume(
  run: Run,
  record: ModelRecord,
  session: TrainingSession,
  hash: string,
  onWarning: (text: string) => void,
): Promise<string> {
  const checkpoint = await loadLatest(run, { model: record.name, configHash: hash, onWarning });
  session.restore(
    checkpoint.state as unknown as SessionState,
    new Map([...checkpoint.tensors].map(([name, { data }]) => [name, data as ArrayLike<number>])),
  );
  await truncateAfter(run.metricsFile, checkpoint.step);
  return checkpoint.hash;
}

async function writePictures(run: Run, context: Parameters<typeof views>[0], held: ImageSet, step: number): Promise<string[]> {
  await mkdir(run.samplesFolder, { recursive: true });
  const files: string[] = [];
  const rasters = await views(context, held, run.record.seed);
  for (const [name, raster] of Object.entries(rasters)) {
    const file = path.join(run.samplesFolder, `step-${String(step).padStart(8, "0")}-${name}.png`);
    await writeFileAtomic(
      file,
      encodePng(raster, {
        Software: "atelier",
        run: run.name,
        model: run.record.model,
        step: String(step),
        seed: run.record.seed,
        view: name,
      }),
    );
    files.push(file);
  }
  return files;
}
