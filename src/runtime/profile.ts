import { RuntimeError } from "../core/errors.ts";
import { flops } from "../graph/flops.ts";
import type { Graph } from "../graph/graph.ts";
import { nodeLabels } from "../lower/emitter.ts";
import type { Backend, Profile, ProfileOptions, ProfileRow } from "./backend.ts";

/** One node of a program's model in its profile. */
export interface ProgramRow extends ProfileRow {
  /** The layer it belongs to, as a path in the model; undefined where none is known. */
  layer: string | undefined;
  /** Our op that it is part of (`conv`); undefined for what the runtime put in on its own. */
  part: string | undefined;
  /** Floating point operations in a run by the op's definition; 0 where another node of the same op already counts them. */
  flops: number;
}

export interface ProgramProfile {
  /** The program's name. */
  name: string;
  runs: number;
  /** Mean time of a run, microseconds. */
  runMicroseconds: number;
  /** Slowest first. */
  rows: ProgramRow[];
}

/**
 * Profile a program's model and read each row in the user's words.
 * @param model what `graph` was lowered to
 * @throws RuntimeError where the backend has no profiler, or refuses a run
 */
export async function profileProgram(backend: Backend, graph: Graph, model: Uint8Array, options: ProfileOptions): Promise<ProgramProfile> {
  if (backend.profile === undefined) {
    throw new RuntimeError({
      what: `Programs cannot be profiled on this backend: ${backend.description}.`,
      expected: "ONNX Runtime through its C API",
      hint: "unset ATELIER_BACKEND, and use --device cpu",
    });
  }
  return readProgramProfile(options.name, graph, await backend.profile(model, options));
}

/** Give the rows of a runtime's profile their layers, ops and floating point operations, by the names that the lowering gave to nodes. */
export function readProgramProfile(name: string, graph: Graph, { runs, runMicroseconds, rows }: Profile): ProgramProfile {
  const byLabel = new Map([...nodeLabels(graph)].map(([node, label]) => [label, node]));
  const counted = new Set<string>();
  // Nodes inside a loop are left out: the loop's own time has theirs in it.
  const named = rows
    .filter((row) => !row.node.includes(">"))
    .map((row): ProgramRow => {
      const label = labelOf(row.node);
      const node = label === undefined ? undefined : byLabel.get(label);
      if (label === undefined || node === undefined) return { ...row, layer: undefined, part: undefined, flops: 0 };
      const slash = label.lastIndexOf("/");
      const first = !counted.has(label);
      counted.add(label);
      // Ops that share a pass are one node, named after one of them; what each of them counts is not known here.
      const fused = row.node.includes("+");
      const layer = slash < 0 ? undefined : label.slice(0, slash);
      return { ...row, layer, part: fused ? "fused pass" : node.op.name, flops: first && !fused ? flops(node) : 0 };
    });
  return { name, runs, runMicroseconds, rows: named };
}

/** `encoder/conv#12` of `encoder/conv#12.1`, and of the pass `encoder/conv#12+`. */
function labelOf(node: string): string | undefined {
  return /^(.*#\d+)\+?(\.\d+)?$/.exec(node)?.[1];
}

/** What rows of a profile are added up by: the runtime's operator, our op, the layer, or nothing. */
export type ProfileKey = "operator" | "op" | "layer" | "node";

/** A line of a profile's table. */
export interface ProfileSum {
  key: string;
  /** Nodes added up. */
  nodes: number;
  /** Executions per run. */
  count: number;
  microseconds: number;
  /** Of all nodes' time, in [0, 1]. */
  share: number;
  /** 10⁹ floating point operations a second. */
  gflops: number;
}

/** Add up a profile's rows, slowest first. */
export function sumProfile({ rows }: ProgramProfile, by: ProfileKey): ProfileSum[] {
  const keyOf: Record<ProfileKey, (row: ProgramRow) => string> = {
    operator: (row) => row.op,
    op: (row) => row.part ?? `(${row.op})`,
    layer: (row) => row.layer ?? "(no layer)",
    node: (row) => `${row.node} ${row.op}`,
  };
  const total = rows.reduce((sum, row) => sum + row.microseconds, 0);
  const groups = new Map<string, ProgramRow[]>();
  for (const row of rows) {
    const key = keyOf[by](row);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const add = (group: readonly ProgramRow[], value: (row: ProgramRow) => number) => group.reduce((sum, row) => sum + value(row), 0);
  const sums = [...groups].map(([key, group]): ProfileSum => {
    const microseconds = add(group, (row) => row.microseconds);
    const gflops = microseconds === 0 ? 0 : add(group, (row) => row.flops) / microseconds / 1000;
    const share = total === 0 ? 0 : microseconds / total;
    return { key, nodes: group.length, count: add(group, (row) => row.count), microseconds, share, gflops };
  });
  return sums.sort((a, b) => b.microseconds - a.microseconds);
}

/** A profile as a table of text, slowest first; what is beyond `most` lines is added up in one. */
export function profileTable(profile: ProgramProfile, by: ProfileKey, most = 30): string {
  const sums = sumProfile(profile, by);
  const rest = sums.slice(most);
  const line = ({ key, count, microseconds, share, gflops }: ProfileSum): string[] => [
    key,
    String(Math.round(count)),
    microseconds.toFixed(0),
    `${(100 * share).toFixed(1)} %`,
    gflops < 0.05 ? "-" : gflops.toFixed(1),
  ];
  const cells = [[by, "count", "µs", "share", "GFLOP/s"], ...sums.slice(0, most).map(line)];
  if (rest.length > 0) {
    const add = (value: (sum: ProfileSum) => number) => rest.reduce((total, sum) => total + value(sum), 0);
    cells.push([`${rest.length} more`, String(Math.round(add((s) => s.count))), add((s) => s.microseconds).toFixed(0), "", ""]);
  }
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const lines = cells.map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  "));
  const all = profile.rows.reduce((sum, row) => sum + row.flops, 0);
  const rate = all / profile.runMicroseconds / 1000;
  const run = `${profile.name}: ${(profile.runMicroseconds / 1000).toFixed(2)} ms a run, mean of ${profile.runs}, ${rate.toFixed(1)} GFLOP/s`;
  return `${[run, ...lines].map((text) => text.trimEnd()).join("\n")}\n`;
}
