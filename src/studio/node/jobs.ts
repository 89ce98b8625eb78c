/**
 * Trainings in processes of their own: started, queued, paused, ended, found again. What is true of a run is in its folder: a studio that comes back, or a
 * second one, finds it there.
 */

import { processStart } from "../../core/node/process-start.ts";
import { noteEvent, readEvents } from "../../runs/events-log.ts";
import { lockHolder } from "../../runs/lock.ts";
import { checkName, listRuns, type Run, removeRun, runState } from "../../runs/registry.ts";
import { requestOf } from "../../runs/request.ts";
import type { StartRequest } from "../training.ts";
import { StudioError } from "./errors.ts";
import { findRun, runFolder } from "./find-run.ts";
import { type Job, JobFiles } from "./job-files.ts";
import {
  defaultThreads,
  type Ending,
  type Launch,
  type Launched,
  launch as launchProcess,
  trainingEnvironment,
  trainingWords,
} from "./launch.ts";

export interface JobsOptions {
  readonly runsFolder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Trainings at once; further ones wait. Default 1. */
  readonly parallel?: number | undefined;
  /** What starts a process. Tests give their own. */
  readonly launch?: Launch | undefined;
  /** Milliseconds between looks at processes that another studio has started. Default 1000. */
  readonly tick?: number | undefined;
}

/** A job and what this studio knows of its process. */
interface Held {
  job: Job;
  process?: Launched | undefined;
  activity?: string | undefined;
}

/** What lists show of a job. */
export interface JobView {
  readonly job: Job;
  readonly activity: string | undefined;
  /** Whether its process lives. */
  readonly lives: boolean;
}

/** The trainings of a studio. */
export class Jobs {
  readonly #runsFolder: string;
  readonly #env: JobsOptions["env"];
  readonly #parallel: number;
  readonly #launch: Launch;
  readonly #files: JobFiles;
  readonly #jobs = new Map<string, Held>();
  readonly #timer: NodeJS.Timeout;
  #queue: Promise<unknown>;
  #closed = false;

  constructor({ runsFolder, env, parallel = 1, launch = launchProcess, tick = 1000 }: JobsOptions) {
    this.#runsFolder = runsFolder;
    this.#env = env;
    this.#parallel = parallel;
    this.#launch = launch;
    this.#files = new JobFiles(runsFolder);
    this.#queue = this.#find();
    this.#timer = setInterval(() => this.#tick(), tick);
    this.#timer.unref();
  }

  /** Every job that its run's folder does not speak for yet, by run. */
  async views(): Promise<ReadonlyMap<string, JobView>> {
    await this.#queue.catch(() => undefined);
    return new Map(
      [...this.#jobs].map(([run, { job, activity }]) => [run, { job, activity, lives: job.state === "running" && lives(job) }]),
    );
  }

  /**
   * Train a new run, now or when it is its turn.
   * @param data what `--data` takes, where it is not the preset's
   * @returns the run's name
   * @throws UsageError for a name that is not allowed, StudioError (409) for one that is taken; FileError when the folder of runs cannot be written
   */
  start(request: StartRequest, data?: string): Promise<string> {
    const { model, preset, name, seed = "0", threads = defaultThreads() } = request;
    return this.#inTurn(async () => {
      if (name !== undefined) checkName(name);
      const run = name ?? (await this.#freeName(model));
      const taken = this.#jobs.has(run) || (await listRuns(this.#runsFolder)).some((listed) => listed.name === run);
      if (taken)
        throw new StudioError(409, { what: `There is already a run named "${run}".`, hint: "choose another name, or remove it first" });
      const words = [...trainingWords(request, data), "--run", run];
      await this.#add({ run, kind: "new", words, threads, about: { model, preset, data: request.data ?? null, seed } });
      return run;
    });
  }

  /**
   * Go on with a run from its last checkpoint.
   * @param more `epochs` or `steps` to make it longer
   * @throws UsageError where there is no such run, StudioError (409) where it is being trained or waits already
   */
  resume(
    name: string,
    more: { epochs?: number | undefined; steps?: number | undefined; threads?: number | undefined } = {},
  ): Promise<void> {
    return this.#inTurn(async () => {
      const run = await findRun(name, this.#runsFolder);
      if (this.#isPending(name) || lockHolder(run.folder) !== undefined) {
        throw new StudioError(409, { what: `The run ${name} is being trained already, or waits for its turn.`, hint: "see its page" });
      }
      const { model, preset, data, seed } = run.record;
      const words = ["train", "--resume", "--run", name];
      if (more.epochs !== undefined) words.push("--epochs", String(more.epochs));
      else if (more.steps !== undefined) words.push("--steps", String(more.steps));
      const about = { model, preset, data: data?.name ?? null, seed };
      await this.#add({ run: name, kind: "resume", words, threads: more.threads ?? defaultThreads(), about });
    });
  }

  /**
   * Ask a training to pause (a checkpoint, then it can go on later) or to finish (the final evaluation, then it is done), after the step in progress.
   * @throws StudioError (409) where it does not train now
   */
  ask(name: string, request: "pause" | "finish"): Promise<void> {
    return this.#inTurn(async () => {
      const run = await findRun(name, this.#runsFolder);
      if (lockHolder(run.folder) === undefined) throw notTraining(name, this.#jobs.get(name)?.job.state ?? runState(run));
      await requestOf(run, request);
    });
  }

  /** Take a job back that waits or prepares. @throws StudioError (409) where its training has begun or it is none */
  cancel(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const held = this.#jobs.get(name);
      const run = await findRun(name, this.#runsFolder).catch(() => undefined);
      const begun = run !== undefined && lockHolder(run.folder) !== undefined;
      if (held === undefined || held.job.state === "ended" || begun) {
        throw new StudioError(409, {
          what: `The run ${name} neither waits nor prepares.`,
          hint: begun ? "pause or finish it" : "see its page",
        });
      }
      await this.#forget(name);
      if (held.job.state === "running") endProcess(held);
      await this.#advance();
    });
  }

  /** Remove a run's folder, or a job that came to nothing. @throws StudioError (409) while it trains or waits; UsageError where there is none */
  remove(name: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#isPending(name))
        throw new StudioError(409, { what: `The run ${name} is at work.`, hint: "pause it or take it back first" });
      const job = this.#jobs.has(name);
      const folder = await runFolder(name, this.#runsFolder).catch((error: unknown) => {
        if (!job) throw error;
      });
      if (folder !== undefined) await removeRun(name, this.#runsFolder);
      await this.#forget(name);
    });
  }

  /** Look after nothing any more. Trainings go on. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#queue.catch(() => undefined);
  }

  /** Orders come one after the other, so that two pages cannot start the same run at once. */
  #inTurn<T>(order: () => Promise<T>): Promise<T> {
    const result = this.#queue.catch(() => undefined).then(order);
    this.#queue = result;
    return result;
  }

  /** What an earlier studio left: waiting jobs wait on, living processes are watched, dead ones are told. */
  async #find(): Promise<void> {
    for (const job of await this.#files.list()) {
      this.#jobs.set(job.run, { job });
      if (job.state === "running" && !lives(job)) await this.#settle(job.run, undefined);
    }
    await this.#advance();
  }

  #tick(): void {
    const waiting = [...this.#jobs.values()].some(({ job }) => job.state === "waiting");
    const lost = [...this.#jobs.values()].filter(({ job, process }) => job.state === "running" && process === undefined && !lives(job));
    if (!waiting && lost.length === 0) return;
    void this.#inTurn(async () => {
      for (const { job } of lost) await this.#settle(job.run, undefined);
      await this.#advance();
    }).catch(() => undefined);
  }

  async #add(given: Pick<Job, "run" | "kind" | "words" | "threads" | "about">): Promise<void> {
    const job: Job = { format: 1, ...given, created: new Date().toISOString(), state: "waiting" };
    await this.#files.write(job);
    this.#jobs.set(job.run, { job });
    await this.#advance();
  }

  /** Start what waits, while there is room: trainings that others have started in this folder of runs count too. */
  async #advance(): Promise<void> {
    if (this.#closed) return;
    const waiting = [...this.#jobs.values()].filter(({ job }) => job.state === "waiting");
    if (waiting.length === 0) return;
    const busy = new Set([...this.#jobs].filter(([, { job }]) => job.state === "running").map(([run]) => run));
    for (const { name, folder } of await listRuns(this.#runsFolder)) if (lockHolder(folder) !== undefined) busy.add(name);
    for (const held of waiting) {
      if (busy.size >= this.#parallel) break;
      await this.#begin(held);
      busy.add(held.job.run);
    }
  }

  async #begin(held: Held): Promise<void> {
    const { job } = held;
    const env = trainingEnvironment(this.#env, { runsFolder: this.#runsFolder, threads: job.threads });
    const started = this.#launch([...job.words, "--json", "--events"], {
      env,
      onActivity: (text) => {
        held.activity = text;
      },
    });
    held.process = started;
    held.job = { ...job, state: "running", pid: started.pid, started: processStart(started.pid) ?? "" };
    void started.ended.then((ending) => this.#inTurn(() => this.#ended(held, ending))).catch(() => undefined);
    await this.#files.write(held.job);
  }

  async #ended(held: Held, ending: Ending): Promise<void> {
    // It may have been taken back, or another job may have its name by now.
    if (this.#jobs.get(held.job.run) === held) await this.#settle(held.job.run, ending);
    await this.#advance();
  }

  /** A job's process is no more: what its run's folder does not say is noted there, or kept with the job where there is no such folder. */
  async #settle(name: string, ending: Ending | undefined): Promise<void> {
    const held = this.#jobs.get(name)!;
    const run = await findRun(name, this.#runsFolder).catch(() => undefined);
    if (ending?.code === 0 || (run !== undefined && (await tells(run, held.job, ending)))) {
      await this.#forget(name);
      return;
    }
    const killed = { kind: "Killed", what: "The process was ended from outside before the run began.", hint: "start it again" };
    const trouble = ending?.trouble ?? { ...killed, got: ending?.signal ?? undefined };
    held.process = undefined;
    held.job = { ...held.job, state: "ended", trouble: { ...trouble } };
    await this.#files.write(held.job).catch(() => undefined);
  }

  async #forget(name: string): Promise<void> {
    this.#jobs.delete(name);
    await this.#files.remove(name);
  }

  #isPending(name: string): boolean {
    const state = this.#jobs.get(name)?.job.state;
    return state === "waiting" || state === "running";
  }

  /** MODEL-001 and so on, above every name that is taken or waited for. */
  async #freeName(model: string): Promise<string> {
    const names = [...this.#jobs.keys(), ...(await listRuns(this.#runsFolder)).map(({ name }) => name)];
    const numbers = names.map((name) => (name.startsWith(`${model}-`) ? Number(name.slice(model.length + 1)) : 0));
    return `${model}-${String(Math.max(0, ...numbers.filter(Number.isSafeInteger)) + 1).padStart(3, "0")}`;
  }
}

/** The trainings of a studio, those that an earlier one left included. */
export function openJobs(options: JobsOptions): Jobs {
  return new Jobs(options);
}

function lives({ pid, started }: Job): boolean {
  const found = pid === undefined || pid === 0 ? undefined : processStart(pid);
  return found !== undefined && (found === started || found === "" || started === "");
}

function endProcess({ job, process: started }: Held): void {
  if (started !== undefined) started.kill("SIGTERM");
  else if (lives(job)) process.kill(job.pid!, "SIGTERM");
}

function notTraining(name: string, state: string): StudioError {
  const hint = state === "running" || state === "waiting" ? "it has not begun yet: take it back instead" : "see its page";
  return new StudioError(409, { what: `The run ${name} is not being trained now.`, got: state, hint });
}

/** Whether a run's folder says how its training ended: what it does not say is noted there. It cannot be where the disk is full. */
async function tells(run: Run, job: Job, ending: Ending | undefined): Promise<boolean> {
  const isTold = async () => {
    const last = (await readEvents(run).catch(() => [])).at(-1);
    return last !== undefined && (last.type === "failed" || last.type === "killed") && last.time >= job.created;
  };
  if (ending?.trouble === undefined) {
    const silent = run.record.status === "training" || run.record.status === "created";
    if (silent) noteEvent(run, { type: "killed", signal: ending?.signal ?? null });
    return !silent || (await isTold());
  }
  if (!(await isTold())) noteEvent(run, { type: "failed", step: 0, problem: ending.trouble });
  return isTold();
}
