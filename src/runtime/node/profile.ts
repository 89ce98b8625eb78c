import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { allocate, sizeOf, type TypedArray } from "../../core/dtype.ts";
import { FileError, RuntimeError } from "../../core/errors.ts";
import type { Profile, ProfileOptions, ProfileRow, ValueInfo } from "../backend.ts";
import type { FfiBackend } from "./ffi-backend.ts";

interface TraceEvent {
  cat: string;
  name: string;
  ts: number;
  dur: number;
  args?: { op_name?: string; input_type_shape?: TypeShape[]; output_type_shape?: TypeShape[] } | undefined;
}

/** One value's shape keyed by its element type: `{ float: [32, 100] }`. */
type TypeShape = Record<string, number[]>;

/**
 * Run a model a few times in a session of its own with the runtime's profiler on.
 * @throws RuntimeError when the model or a run is refused, or an output's length is unknown.
 */
export async function profile(backend: FfiBackend, model: Uint8Array, options: ProfileOptions): Promise<Profile> {
  const { name, optimize, kernels, runs = 10, warmup = 3 } = options;
  const folder = await mkdtemp(path.join(os.tmpdir(), "atelier-profile-"));
  try {
    const executable = await backend.load(model, { name, optimize, kernels, profilePrefix: path.join(folder, "profile") });
    try {
      const inputs = Object.fromEntries(Object.entries(options.inputs).map(([key, array]) => [key, array.slice()]));
      const binding = executable.bind(
        inputs,
        Object.fromEntries(executable.outputs.map((info) => [info.name, outputArray(info, options)])),
      );
      for (let run = 0; run < warmup + runs; run++) await binding.run();
      return readProfile(await readFile(executable.endProfiling(), "utf8"), warmup);
    } finally {
      await executable.dispose();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Add up the rows of each operator type, slowest first; `node` is empty and `shapes` tells how many nodes there are. */
export function sumByOp(rows: readonly ProfileRow[]): ProfileRow[] {
  const nodes = new Map<string, ProfileRow[]>();
  for (const row of rows) nodes.set(row.op, [...(nodes.get(row.op) ?? []), row]);
  return bySlowest(
    [...nodes].map(([op, group]) => ({
      op,
      node: "",
      shapes: `${group.length} ${group.length === 1 ? "node" : "nodes"}`,
      count: group.reduce((sum, row) => sum + row.count, 0),
      microseconds: group.reduce((sum, row) => sum + row.microseconds, 0),
    })),
  );
}

/**
 * Read the runtime's trace (an array of Chrome trace events), leaving out the first `warmup` runs.
 * @throws FileError when the text is not such a trace.
 */
export function readProfile(text: string, warmup: number): Profile {
  const events = parseTrace(text);
  const ran = events.filter((event) => event.name === "model_run").sort((a, b) => a.ts - b.ts);
  const counted = ran.slice(warmup);
  if (counted.length === 0) throw new FileError("The runtime's profile holds no run that counts.");
  const runs = counted.length;
  const rows = new Map<string, ProfileRow>();
  for (const event of events) {
    if (event.cat !== "Node" || !event.name.endsWith(kernelSuffix) || event.ts < counted[0].ts) continue;
    const node = event.name.slice(0, -kernelSuffix.length);
    const row = rows.get(node) ?? { op: event.args?.op_name ?? "?", node, shapes: shapesOf(event), count: 0, microseconds: 0 };
    row.count++;
    row.microseconds += event.dur;
    rows.set(node, row);
  }
  const perRun = [...rows.values()].map((row) => ({ ...row, count: row.count / runs, microseconds: row.microseconds / runs }));
  return { runs, runMicroseconds: counted.reduce((sum, event) => sum + event.dur, 0) / runs, rows: bySlowest(perRun) };
}

const kernelSuffix = "_kernel_time";

function parseTrace(text: string): TraceEvent[] {
  try {
    const events: unknown = JSON.parse(text);
    if (Array.isArray(events)) return events;
  } catch {
    // Told below, like any other text that is no trace.
  }
  throw new FileError("The runtime's profile is damaged: it is not a list of trace events.");
}

function bySlowest(rows: ProfileRow[]): ProfileRow[] {
  return rows.sort((a, b) => b.microseconds - a.microseconds);
}

function shapesOf({ args }: TraceEvent): string {
  const list = (values: TypeShape[] = []) =>
    values.flatMap((value) => Object.entries(value).map(([type, dims]) => `${type}[${dims}]`)).join(" ");
  return `${list(args?.input_type_shape)} -> ${list(args?.output_type_shape)}`;
}

function outputArray(info: ValueInfo, { name, outputs }: ProfileOptions): TypedArray {
  const length = outputs?.[info.name]?.length ?? sizeOf(info.shape);
  if (length >= 0) return allocate(info.dtype, length);
  throw new RuntimeError({
    what: "An output has a free dimension, so its length is unknown.",
    where: `output "${info.name}" of the program "${name}"`,
    hint: "pass an array of the right length in `outputs`",
  });
}
