import path from "node:path";
import type { Command } from "commander";
import { UsageError } from "../core/errors.ts";
import type { ComparedRow } from "../runs/compare.ts";
import type { ListedRun, Run } from "../runs/registry.ts";
import { formatNumber, formatTable } from "./format.ts";
import { inFileName, wholeNumber } from "./options.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface CurvesOptions {
  names?: string;
  after?: number;
  out?: string;
}

export const verb: Verb = {
  name: "runs",
  summary: "List the runs, show one, compare two, draw their curves, stop or remove one",
  register(program, io) {
    const runs = addCommand(program, "runs", verb.summary)
      .argument("[run]", "name of a run, or path of its folder")
      .action(async (name: string | undefined, _, command: Command) => {
        await (name === undefined ? list(io, wantsJson(command)) : show(name, io, wantsJson(command)));
      });
    addCommand(runs, "compare", "Settings in which two runs differ, and how each ended")
      .argument("<a>", "name or path of a run")
      .argument("<b>", "name or path of another")
      .action((a: string, b: string, _, command: Command) => compare(a, b, io, wantsJson(command)));
    addCommand(runs, "curves", "A picture of what trainings logged, over their steps")
      .argument("<run...>", "names or paths of runs")
      .option("--names <name,...>", "which logged numbers (default: all but learning rates and norms of gradients)")
      .option("--after <step>", "leave out the steps up to this one", wholeNumber(0))
      .option("--out <file>", "where to (default: RUN-curves.png in the current folder)")
      .action((names: string[], options: CurvesOptions, command: Command) => curves(names, options, io, wantsJson(command)));
    addCommand(runs, "stop", "Ask the process that trains a run to pause, or to finish, after the step in progress")
      .argument("<run>", "name or path of a run")
      .option("--finish", "end the training here, with the final evaluation and the card, instead of pausing it")
      .action((name: string, options: { finish?: boolean }, command: Command) =>
        stop(name, options.finish ?? false, io, wantsJson(command)),
      );
    addCommand(runs, "remove", "Delete a run with its checkpoints and samples")
      .argument("<run>", "name or path of a run")
      .option("--yes", "do not ask")
      .action((name: string, options: { yes?: boolean }, command: Command) => remove(name, options.yes ?? false, io, wantsJson(command)));
  },
};

async function list(io: Io, json: boolean): Promise<void> {
  const { listRuns, runsFolder } = await import("../runs/registry.ts");
  const home = runsFolder(io.env);
  const listed = await listRuns(home);
  if (json) {
    printJson(
      io,
      listed.map(({ name, folder, state, run, broken }) => ({
        name,
        folder,
        state,
        ...(run === null ? { problem: broken.problem.what } : run.record),
      })),
    );
    return;
  }
  if (listed.length === 0) {
    io.stdout.write(`No runs in ${home} yet. "atelier train MODEL" makes one.\n`);
    return;
  }
  const rows = [["name", "model", "preset", "data", "state", "created", "results"], ...listed.map(listedRow)];
  io.stdout.write(`${formatTable(rows)}\n`);
  for (const { broken } of listed) if (broken !== null) io.stderr.write(`${broken.message}\n`);
}

function listedRow({ name, run, state }: ListedRun): string[] {
  if (run === null) return [name, "?", "", "", state];
  const { model, preset, data, created, results } = run.record;
  return [name, model, preset ?? "", data?.name ?? "", state, minutes(created), formatResults(results)];
}

async function show(name: string, io: Io, json: boolean): Promise<void> {
  const { openRun, runState, runsFolder } = await import("../runs/registry.ts");
  const { listCheckpoints } = await import("../runs/checkpoint.ts");
  const { finalMetrics } = await import("../runs/compare.ts");
  const run = await openRun(name, runsFolder(io.env));
  const checkpoints = await listCheckpoints(run);
  const metrics = Object.fromEntries(await finalMetrics(run));
  if (json) {
    printJson(io, { name: run.name, folder: run.folder, state: runState(run), ...run.record, checkpoints, metrics });
    return;
  }
  io.stdout.write(`${describeRun(run, runState(run), checkpoints)}\n${section("metrics", metrics)}\n`);
}

function describeRun(run: Run, state: string, checkpoints: readonly number[]): string {
  const { model, preset, seed, data, device, created, init, command, config, training, versions } = run.record;
  const facts: [string, string | undefined][] = [
    ["model", model],
    ["preset", preset ?? undefined],
    ["data", data?.name],
    ["state", state],
    ["created", created],
    ["seed", seed],
    ["device", device],
    ["weights from", init],
    ["command", command.length === 0 ? undefined : `atelier ${command.join(" ")}`],
    ["folder", run.folder],
    ["checkpoints", checkpoints.length === 0 ? "none" : `at step ${checkpoints.join(", ")}`],
  ];
  const rows = facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
  return [
    run.name,
    formatTable(rows, "  "),
    section("configuration", config),
    section("training", training),
    section("versions", versions),
  ].join("\n");
}

function section(title: string, values: Readonly<Record<string, unknown>>): string {
  const rows = Object.entries(values).map(([key, value]) => [key, formatValue(value)]);
  return rows.length === 0 ? `${title}: none` : `${title}\n${formatTable(rows, "  ")}`;
}

async function compare(a: string, b: string, io: Io, json: boolean): Promise<void> {
  const { openRun, runsFolder } = await import("../runs/registry.ts");
  const { compareRuns } = await import("../runs/compare.ts");
  const home = runsFolder(io.env);
  const [first, second] = [await openRun(a, home), await openRun(b, home)];
  const { settings, metrics } = await compareRuns(first, second);
  if (json) {
    printJson(io, { a: first.name, b: second.name, settings, metrics });
    return;
  }
  const table = (rows: readonly ComparedRow[]) =>
    formatTable([["", first.name, second.name], ...rows.map((row) => [row.key, formatValue(row.a), formatValue(row.b)])], "  ");
  io.stdout.write(settings.length === 0 ? "settings: all the same\n" : `settings that differ\n${table(settings)}\n`);
  io.stdout.write(metrics.length === 0 ? "metrics: none yet\n" : `metrics\n${table(metrics)}\n`);
}

async function curves(names: readonly string[], options: CurvesOptions, io: Io, json: boolean): Promise<void> {
  const { openRun, runsFolder } = await import("../runs/registry.ts");
  const { drawCurves } = await import("../runs/curves.ts");
  const { encodePng } = await import("../report/png.ts");
  const { writeFileAtomic } = await import("../core/node/files.ts");
  const home = runsFolder(io.env);
  const runs = await Promise.all(names.map((name) => openRun(name, home)));
  const picture = await drawCurves(runs, { names: options.names?.split(","), after: options.after });
  const file = path.resolve(options.out ?? inFileName(`${runs.map(({ name }) => name).join("-")}-curves.png`));
  await writeFileAtomic(file, encodePng(picture, { Software: "atelier", view: "curves", runs: runs.map(({ name }) => name).join(", ") }));
  if (json) printJson(io, { file, runs: runs.map(({ name }) => name) });
  else io.stdout.write(`${file}\n`);
}

async function stop(name: string, finish: boolean, io: Io, json: boolean): Promise<void> {
  const { openRun, runsFolder } = await import("../runs/registry.ts");
  const { requestOf } = await import("../runs/request.ts");
  const request = finish ? "finish" : "pause";
  const run = await openRun(name, runsFolder(io.env));
  await requestOf(run, request);
  if (json) printJson(io, { run: run.name, asked: request });
  else io.stdout.write(`Asked the training of ${run.name} to ${request}.\n`);
}

async function remove(name: string, yes: boolean, io: Io, json: boolean): Promise<void> {
  const { findRun, removeRun, runsFolder } = await import("../runs/registry.ts");
  const home = runsFolder(io.env);
  const folder = await findRun(name, home);
  if (!yes) {
    if (io.confirm === undefined || json) {
      throw new UsageError({ what: `Removing ${folder} cannot be undone, and nobody is there to ask.`, hint: "add --yes" });
    }
    if (!(await io.confirm(`Delete ${folder} with its checkpoints and samples?`))) {
      io.stdout.write("Kept.\n");
      return;
    }
  }
  await removeRun(name, home);
  if (json) printJson(io, { removed: folder });
  else io.stdout.write(`Removed ${folder}\n`);
}

function formatValue(value: unknown): string {
  if (value === undefined) return "-";
  if (typeof value === "number") return formatNumber(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}

function formatResults(results: Readonly<Record<string, number>>): string {
  return Object.entries(results)
    .map(([name, value]) => `${name} ${formatNumber(value)}`)
    .join(", ");
}

/** ISO 8601 down to the minute. */
function minutes(created: string): string {
  return created.slice(0, 16).replace("T", " ");
}
