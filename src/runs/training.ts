import { mkdir } from "node:fs/promises";
import { freemem, totalmem } from "node:os";
import path from "node:path";
import { writeFileAtomic } from "../core/node/files.ts";
import type { ExampleSet } from "../data/dataset.ts";
import type { PairSet, WindowSet } from "../data/token-set.ts";
import type { ModelRecord, TrainingSettings } from "../models/index.ts";
import { encodePng } from "../report/png.ts";
import type { Backend } from "../runtime/backend.ts";
import { Diagnosis } from "../train/diagnosis.ts";
import { evaluate } from "../train/evaluate.ts";
import { predictStep, requireMemory } from "../train/prediction.ts";
import { type SessionState, type StepReport, TrainingSession } from "../train/session.ts";
import { NotFiniteError } from "../train/trainer.ts";
import { cardText } from "./card.ts";
import { type Checkpoint, configHash, type Json, listCheckpoints, loadBest, loadLatest, saveCheckpoint } from "./checkpoint.ts";
import { ClassWatch } from "./class-watch.ts";
import { EventNotes } from "./events-log.ts";
import { HeldOutWatch } from "./held-out.ts";
import { lockRun } from "./lock.ts";
import { MetricsLog, type MetricsRow, truncateAfter } from "./metrics-log.ts";
import { views } from "./pictures.ts";
import { PointAnimation } from "./point-animation.ts";
import type { Run } from "./registry.ts";
import { RequestBox } from "./request.ts";
import { runConfig } from "./run-config.ts";
import { sampleText } from "./sample-text.ts";
import { sampleTranslations } from "./translate.ts";

export interface RunTrainingOptions {
  run: Run;
  record: ModelRecord;
  /** The splits at the model's shape. */
  set: ExampleSet;
  held: ExampleSet;
  backend: Backend;
  /** Go on from the newest checkpoint. */
  resume: boolean;
  /** Seconds between checkpoints. Default 30. */
  checkpointSeconds?: number;
  /** How often pictures are drawn on the way. Default 10. */
  pictures?: number;
  /** Pause: the step in progress ends, a checkpoint is written, the run is marked as stopped. */
  signal?: AbortSignal;
}

/** What is foreseen before the first step: the process's memory, in bytes, and a step's time. */
export interface Prediction {
  memoryBytes: number;
  stepSeconds: number;
}

/** What a run tells while it trains. */
export type TrainingEvent =
  | { type: "start"; step: number; totalSteps: number; parameters: number; compileSeconds: number; predicted: Prediction }
  | { type: "step"; report: StepReport; seconds: number }
  | { type: "pictures"; step: number; files: string[] }
  | { type: "checkpoint"; step: number; hash: string }
  | { type: "warning"; text: string }
  /** The training ends before its planned end, and why. */
  | { type: "early"; text: string }
  | { type: "results"; results: Record<string, number> }
  | { type: "end"; step: number; hash: string; stopped: boolean };

/** Why the steps end: all are done, it is to pause, or it is to end here. */
type Ending = "done" | "paused" | "early";

/**
 * Train a run to its end or until it is asked to stop, writing metrics, sample grids and checkpoints into its folder. Pictures come at every tenth
 * of the run (or as often as asked for), and at its end. Another process may ask it to pause or to finish (`requestOf`).
 *
 * @throws NotFiniteError when the loss or the weights are not finite (the run is then `failed` and its last checkpoint good); FileError when the folder cannot be written
 */
export async function* trainRun(options: RunTrainingOptions): AsyncGenerator<TrainingEvent> {
  const { run } = options;
  const lock = lockRun(run.folder);
  const requests = new RequestBox(run.folder);
  const notes = new EventNotes(run);
  try {
    await run.update({ status: "training" });
    for await (const event of train(options, requests)) {
      notes.note(event);
      yield event;
    }
  } catch (error) {
    const told = error instanceof NotFiniteError ? await withGoodCheckpoint(run, error) : error;
    await run.update({ status: "failed" }).catch(() => undefined);
    notes.failed(told);
    throw told;
  } finally {
    requests.clear();
    lock.release();
  }
}

async function* train(options: RunTrainingOptions, requests: RequestBox): AsyncGenerator<TrainingEvent> {
  const { run, record, set, backend } = options;
  const started = performance.now();
  const training = run.record.training as TrainingSettings & { steps?: number; phaseSteps?: number };
  const config = runConfig(run, record);
  const { seed } = run.record;
  const { steps, phaseSteps } = training;
  const session = await TrainingSession.create({ record, config, training, set, seed, backend, steps, phaseSteps });
  try {
    const warnings: string[] = [];
    if (options.resume) await resume(run, record, session, (text) => warnings.push(text));
    const compileSeconds = (performance.now() - started) / 1000;
    const predicted = await predict(session, backend);
    yield {
      type: "start",
      step: session.step,
      totalSteps: session.totalSteps,
      parameters: session.network.parameterCount,
      ...{ compileSeconds, predicted },
    };
    for (const text of warnings) yield { type: "warning", text };
    const ending = yield* takeSteps(options, session, requests);
    const hash = await save(run, session);
    yield { type: "checkpoint", step: session.step, hash };
    if (ending === "early") yield { type: "pictures", step: session.step, files: await picturesNow(options, session) };
    const stopped = ending === "paused";
    if (stopped) await run.update({ status: "stopped" });
    else yield { type: "results", results: await finish(options, session) };
    yield { type: "end", step: session.step, hash, stopped };
  } finally {
    await session.dispose();
  }
}

/** @throws UsageError where the machine has not the memory for a step */
async function predict(session: TrainingSession, backend: Backend): Promise<Prediction> {
  const prediction = await predictStep(session.trainer.stages, backend, session.network.parameterCount);
  if (backend.device === "cpu" && !process.env.ATELIER_IGNORE_MEMORY) {
    requireMemory(prediction, availableMemory(), session.options.training.batch);
  }
  return { memoryBytes: process.memoryUsage.rss() + prediction.stepBytes, stepSeconds: prediction.seconds };
}

/** Bytes that this process may still take: what the machine has free, or what the limit of its container leaves. */
function availableMemory(): number {
  const limit = process.constrainedMemory();
  const left = limit > 0 && limit < totalmem() ? limit - process.memoryUsage.rss() : Number.POSITIVE_INFINITY;
  return Math.min(freemem(), left);
}

/** Steps up to the run's end or what is asked, with pictures at every tenth of the run and checkpoints by the clock. */
async function* takeSteps(
  options: RunTrainingOptions,
  session: TrainingSession,
  requests: RequestBox,
): AsyncGenerator<TrainingEvent, Ending> {
  const { run, record, held, backend, signal, checkpointSeconds = 30, pictures = 10 } = options;
  const context = { record, config: run.record.config, network: session.network, backend };
  const pictureEvery = Math.max(1, Math.ceil(session.totalSteps / pictures));
  const log = new MetricsLog(run.metricsFile);
  const diagnosis = new Diagnosis(record, session.stepsPerEpoch);
  const animation = PointAnimation.open(run, context, held, session.totalSteps);
  const classes = ClassWatch.open(context, held, run.record.data?.name, backend);
  const watch = await HeldOutWatch.open(run, context, held, session);
  let lastSave = performance.now();
  try {
    while (session.step < session.totalSteps) {
      const asked = signal?.aborted ? "pause" : requests.look();
      if (asked === "pause") return "paused";
      if (asked === "finish") {
        yield { type: "early", text: `ended at step ${session.step} of ${session.totalSteps}, as was asked` };
        return "early";
      }
      const before = performance.now();
      const report = await session.advance();
      const seconds = (performance.now() - before) / 1000;
      log.append(rowOf(report, seconds, await watch?.look(report.step)));
      yield { type: "step", report, seconds };
      for (const text of diagnosis.look(report)) yield { type: "warning", text };
      if (animation?.due(report.step)) await session.trainer.averaged(() => animation.add(context, run.record.seed, report.step));
      if (report.step % pictureEvery === 0 || report.step === session.totalSteps) {
        yield { type: "pictures", step: report.step, files: await picturesNow(options, session) };
        if (classes !== undefined) {
          const { counts, names } = await session.trainer.averaged(() => classes.look(context, run.record.seed));
          for (const text of diagnosis.lookAtClasses(counts, names)) yield { type: "warning", text };
        }
      }
      const over = watch?.over;
      if (over !== undefined) {
        await restoreBest(run, record, session);
        yield { type: "early", text: over.text };
        return "early";
      }
      const soon = (performance.now() - lastSave) / 1000 < checkpointSeconds || session.step === session.totalSteps;
      if (soon && !watch?.keeps) continue;
      log.flush();
      yield { type: "checkpoint", step: session.step, hash: await save(run, session, watch?.keeps) };
      lastSave = performance.now();
    }
    return "done";
  } finally {
    log.flush();
  }
}

/** A line of the log, with the gradient norms of players and the held-out metrics, where there are any. */
function rowOf(report: StepReport, seconds: number, heldOut: Record<string, number> = {}): MetricsRow {
  const { step, epoch, learningRate, terms, gradientNorms = {} } = report;
  const norms = Object.fromEntries(Object.entries(gradientNorms).map(([player, norm]) => [`gradientNorm.${player}`, norm]));
  return { step, epoch, seconds, learningRate, ...terms, ...norms, ...heldOut };
}

/** Write a checkpoint of the present state; returns the hash of its arrays. @throws NotFiniteError rather than save weights that are no numbers */
async function save(run: Run, session: TrainingSession, best?: boolean): Promise<string> {
  await session.trainer.download();
  session.trainer.requireFinite();
  const state = session.state as unknown as Json;
  const { hash } = await saveCheckpoint(run, { tensors: fileTensors(session), state, step: session.step, best });
  return hash;
}

/** The final evaluation, with the weights that samples use, and the card. */
async function finish({ run, record, held, backend }: RunTrainingOptions, session: TrainingSession): Promise<Record<string, number>> {
  const { config } = run.record;
  const results = await session.trainer.averaged(() => evaluate({ record, config, network: session.network, set: held, backend }));
  await run.update({ results, status: "finished" });
  await writeFileAtomic(run.cardFile, cardText(run, record, session.step));
  return results;
}

function fileTensors(session: TrainingSession) {
  return Object.fromEntries(
    [...session.trainer.tensors()].map(([name, { shape, data }]) => [name, { dtype: "float32" as const, shape, data }]),
  );
}

async function resume(run: Run, record: ModelRecord, session: TrainingSession, onWarning: (text: string) => void): Promise<void> {
  // A run that was killed before its first checkpoint begins again, and exactly so: all it does follows from its seed.
  if ((await listCheckpoints(run)).length === 0) {
    await truncateAfter(run.metricsFile, 0);
    return;
  }
  const checkpoint = await loadLatest(run, { model: record.name, configHash: configHash(run.record.config), onWarning });
  restore(session, checkpoint);
  await truncateAfter(run.metricsFile, checkpoint.step);
}

/** Back to the weights of the best look; what was measured after it stays in the run's metrics. */
async function restoreBest(run: Run, record: ModelRecord, session: TrainingSession): Promise<void> {
  restore(session, await loadBest(run, { model: record.name, configHash: configHash(run.record.config) }));
}

function restore(session: TrainingSession, { state, tensors }: Checkpoint): void {
  session.restore(state as unknown as SessionState, new Map([...tensors].map(([name, { data }]) => [name, data as ArrayLike<number>])));
}

/** The same error, which also says what is left to work with. */
async function withGoodCheckpoint(run: Run, error: NotFiniteError): Promise<NotFiniteError> {
  const last = (await listCheckpoints(run).catch(() => [])).at(-1);
  const left = last === undefined ? "no checkpoint had been written yet" : `the checkpoint of step ${last} is still good`;
  return new NotFiniteError({ ...error.problem, hint: `${error.problem.hint}; ${left}`, cause: error });
}

/** What the model paints or writes at this step, with the weights that samples use. */
function picturesNow({ run, record, held, backend }: RunTrainingOptions, session: TrainingSession): Promise<string[]> {
  const context = { record, config: run.record.config, network: session.network, backend };
  return session.trainer.averaged(() => writePictures(run, context, held, session.step));
}

async function writePictures(run: Run, context: Parameters<typeof views>[0], held: ExampleSet, step: number): Promise<string[]> {
  await mkdir(run.samplesFolder, { recursive: true });
  if (held.kind === "tokens") return await writeText(run, context, held, step);
  if (held.kind === "pairs") return await writePairs(run, context, held, step);
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

/** What a model of pairs writes for held-out texts, and where it looks. */
async function writePairs(run: Run, context: Parameters<typeof views>[0], held: PairSet, step: number): Promise<string[]> {
  const shown = await sampleTranslations(context, held);
  if (shown === undefined) return [];
  const name = path.join(run.samplesFolder, `step-${String(step).padStart(8, "0")}`);
  await writeFileAtomic(`${name}-text.txt`, shown.text);
  await writeFileAtomic(`${name}-alignment.png`, encodePng(shown.alignments, { Software: "atelier", run: run.name, step: String(step) }));
  return [`${name}-text.txt`, `${name}-alignment.png`];
}

/** A text that the model writes, where it can. */
async function writeText(run: Run, context: Parameters<typeof views>[0], held: WindowSet, step: number): Promise<string[]> {
  const text = await sampleText(context, held, run.record.seed);
  if (text === undefined) return [];
  const file = path.join(run.samplesFolder, `step-${String(step).padStart(8, "0")}-text.txt`);
  await writeFileAtomic(file, text);
  return [file];
}
