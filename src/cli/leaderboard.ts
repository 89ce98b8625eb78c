import path from "node:path";
import type { Command } from "commander";
import { UsageError } from "../core/errors.ts";
import type { BoardEvent } from "../runs/leaderboard/run.ts";
import { showActivity } from "./activity.ts";
import { startWithAllocator } from "./allocator.ts";
import { formatDuration, formatNumber } from "./format.ts";
import { onInterrupt } from "./interrupt.ts";
import { inFileName, numberAbove, wholeNumber } from "./options.ts";
import { Progress, progressMode } from "./progress.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface LeaderboardOptions {
  data: string;
  minutes: number;
  families?: string;
  take?: string;
  train: boolean;
  samples: number;
  side: number;
  preset?: string;
  features?: string;
  seed: string;
  name?: string;
  out?: string;
}

/** What was given before, too: the last of two would be taken in silence. */
function listed(value: string, before: string | undefined): string {
  return before === undefined ? value : `${before},${value}`;
}

/** A day: what takes longer is no comparison of minutes any more. */
const MOST_MINUTES = 1440;

export const verb: Verb = {
  name: "leaderboard",
  summary: "Compare all families that paint: the same pictures, time and measures",
  register(program, io) {
    addCommand(program, "leaderboard", verb.summary)
      .requiredOption("--data <name|folder>", "mnist, fashion-mnist, emoji, or other data that features are known for", listed)
      .option("--minutes <n>", "training steps of each model", numberAbove(0), 5)
      .option("--families <a,b>", "models or families that take part (default: all that paint)")
      .option("--take <run,run>", "finished runs on these data that take part as they are")
      .option("--no-train", "train nothing: only the runs that are taken")
      .option("--samples <n>", "pictures drawn of each", wholeNumber(6, 100_000), 2000)
      .option("--side <pixels>", "height and width of the pictures", wholeNumber(4), 32)
      .option("--preset <name>", "preset of every model (default: each model's own for this)")
      .option("--features <name|file>", "what to compare pictures by (default: those that come with the data)")
      .option("--seed <seed>", "of every random choice", "0")
      .option("--name <name>", "of the leaderboard, and of its runs: NAME-MODEL (default: leaderboard-DATA)")
      .option("--out <file>", "the table; figures (.jsonl) and samples (.png) are written beside it (default: NAME.md in the runs' folder)")
      .action((options: LeaderboardOptions, command: Command) => leaderboard(options, io, wantsJson(command)));
  },
};

async function leaderboard(options: LeaderboardOptions, io: Io, json: boolean): Promise<void> {
  if (options.minutes > MOST_MINUTES) {
    throw new UsageError({
      what: "A leaderboard's minutes are out of range.",
      got: String(options.minutes),
      expected: `above 0, at most ${MOST_MINUTES}`,
    });
  }
  await startWithAllocator(io);
  const activity = showActivity(io, json);
  const stop = new AbortController();
  const release = onInterrupt(() => stop.abort(), io);
  try {
    const settings = await settingsOf(options);
    const { openDevice } = await import("./device.ts");
    const { runLeaderboard } = await import("../runs/leaderboard/run.ts");
    const { runsFolder } = await import("../runs/registry.ts");
    const home = runsFolder();
    const backend = await openDevice("cpu", io, activity.onProgress);
    const events = runLeaderboard({ ...settings, home, backend, device: "cpu", signal: stop.signal, onProgress: activity.onProgress });
    const teller = new Teller(io, json, activity.end);
    for await (const event of events) teller.tell(event);
    activity.end();
    await finish(teller, settings, path.resolve(options.out ?? path.join(home, `${settings.name}.md`)), io, json);
  } finally {
    activity.end();
    release();
  }
}

/** @throws UsageError for several data sets, and for data that are no pictures */
async function requireOneSet(data: string): Promise<void> {
  const { datasetNamed } = await import("../data/sets/index.ts");
  const { picturesNamed } = await import("../data/node/load.ts");
  const names = data.split(",").map((word) => word.trim());
  if (datasetNamed(data) === undefined && names.length > 1 && names.some((name) => datasetNamed(name) !== undefined)) {
    throw new UsageError({
      what: "A leaderboard does not mix data sets.",
      got: data,
      expected: "one data set or folder",
      hint: "a leaderboard for each: --data",
    });
  }
  await picturesNamed(data);
}

/** The options, with what follows from the data. @throws UsageError for data that nothing can be compared by */
async function settingsOf(options: LeaderboardOptions) {
  const { datasetNamed } = await import("../data/sets/index.ts");
  const { featuresFor } = await import("../runs/features.ts");
  const { dataName } = await import("../runs/start.ts");
  const { data, minutes, samples, side, seed, preset, train } = options;
  await requireOneSet(data);
  const features = options.features ?? featuresFor(data);
  if (features === undefined) {
    throw new UsageError({
      what: "No features come with these data, so samples cannot be compared with them.",
      got: data,
      hint: "--features NAME takes another set's, or an ONNX file",
    });
  }
  const list = (text: string | undefined) => text?.split(",").map((word) => word.trim());
  const channels = datasetNamed(data)?.card.shape[0] ?? 3;
  const take = list(options.take) ?? [];
  if (!train && take.length === 0) {
    throw new UsageError({ what: "Nothing would be trained and no run is taken.", hint: "--take RUN,RUN with --no-train" });
  }
  const name = options.name ?? `leaderboard-${inFileName(path.basename(data))}`;
  const image = [channels, side, side] as const;
  return { name, data: dataName(data), image, minutes, samples, seed, features, preset, train, take, families: list(options.families) };
}

type End = Extract<BoardEvent, { type: "end" }>;

/** Tells events as they come, and remembers what the end needs. */
class Teller {
  readonly #io: Io;
  readonly #json: boolean;
  readonly #endActivity: () => void;
  #progress: Progress | undefined;
  readonly failed: { name: string; error: Error }[] = [];
  absent: Extract<BoardEvent, { type: "plan" }>["absent"] = [];
  end: End | undefined;

  constructor(io: Io, json: boolean, endActivity: () => void) {
    this.#io = io;
    this.#json = json;
    this.#endActivity = endActivity;
  }

  tell(event: BoardEvent): void {
    switch (event.type) {
      case "plan":
        this.absent = event.absent;
        this.#say(`${event.names.length} take part: ${event.names.join(", ")}`);
        for (const { model, because } of event.absent) this.#say(`${model} takes no part: ${because}`);
        break;
      case "entrant":
        this.#say(`${event.number}/${event.of} ${event.name}: ${event.title}`);
        break;
      case "budget": {
        const { steps, stepSeconds, seconds, presetSteps } = event.budget;
        this.#say(`${formatDuration(seconds)} are ${steps} steps of ${formatNumber(stepSeconds * 1000)} ms; the schedule ends with them`);
        if (steps < presetSteps) this.#say(`warning: ${event.name} stops short of the ${presetSteps} steps of its preset`);
        break;
      }
      case "training":
        this.#training(event.name, event.event);
        break;
      case "row": {
        const { fd, kd } = event.row.measures;
        this.#say(`${event.row.name}: fd ${formatNumber(fd.value)}, kd ${formatNumber(kd.value)}`);
        break;
      }
      case "failed":
        this.#endProgress();
        this.failed.push(event);
        this.#say(`warning: ${event.name} failed and is left out: ${event.error.message}`);
        break;
      case "end":
        this.end = event;
    }
  }

  #training(name: string, event: Extract<BoardEvent, { type: "training" }>["event"]): void {
    if (event.type === "start") {
      if (event.step > 0) this.#say(`going on at step ${event.step}`);
      this.#endActivity();
      this.#progress = new Progress({
        output: this.#io.stderr,
        mode: progressMode(this.#io, this.#json),
        total: event.totalSteps,
        label: name,
      });
    } else if (event.type === "step") this.#progress?.update({ step: event.report.step, terms: event.report.terms });
    else if (event.type === "warning") this.#say(`warning: ${event.text}`);
    else if (event.type === "end") this.#endProgress();
    else this.#progress?.forgetTiming();
  }

  #endProgress(): void {
    this.#progress?.end();
    this.#progress = undefined;
  }

  #say(text: string): void {
    if (this.#json) return;
    if (this.#progress !== undefined) this.#progress.message(text);
    else {
      this.#endActivity();
      this.#io.stderr.write(`${text}\n`);
    }
  }
}

/** Write what there is, and tell where it is. */
async function finish(
  { end, absent, failed }: Teller,
  settings: { name: string; data: string; minutes: number },
  out: string,
  io: Io,
  json: boolean,
): Promise<void> {
  const { writeBoard } = await import("../runs/leaderboard/table.ts");
  const { board, rows, real, stopped } = end!;
  const command = ["atelier", ...process.argv.slice(2)].join(" ");
  const files = await writeBoard(board, rows, real, { absent, command, out });
  io.exitCode = stopped ? 130 : failed.length > 0 ? 1 : 0;
  if (json) {
    const failures = failed.map(({ name, error }) => ({ name, what: error.message }));
    printJson(io, { name: settings.name, stopped, rows, absent, failed: failures, files });
    return;
  }
  if (stopped) io.stdout.write("Stopped; everything done so far is kept. Go on with the same command.\n");
  for (const file of files) io.stdout.write(`${file}\n`);
}
