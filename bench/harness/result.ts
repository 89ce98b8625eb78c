import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import type { Rounds } from "./rounds.ts";
import { interquartile, median, pairedRatio } from "./stats.ts";

/** One line of the bench's output; times are milliseconds per step, ratios are the peer's time over ours (above 1: ours is faster). */
export interface Result {
  workload: string;
  ours_ms_median: number;
  ours_iqr: number;
  peer: string | null;
  mode: string | null;
  peer_ms_median: number | null;
  ratio_median: number | null;
  ratio_low: number | null;
  ratio_high: number | null;
  rounds: number;
  /** Whether a step trains a whole network. */
  training: boolean;
  /** Fresh pictures of a step, for workloads that sample. */
  pictures?: number;
  /** Billions of floating point operations of one step, by the definition of its ops. */
  gflop: number | null;
  /** The machine's fastest product of two 1024 x 1024 matrices in the same run, of ours and the peers', in GFLOP/s. */
  peak_gflops: number | null;
  machine: string;
  node: string;
  versions: Record<string, string>;
  commit: string;
  date: string;
  command: string;
}

/** Where and with what was measured. */
export interface Setting {
  machine: string;
  node: string;
  commit: string;
  date: string;
  command: string;
}

/** What is known of a workload beside its times. */
export interface Work {
  name: string;
  training?: boolean;
  pictures?: number | undefined;
  /** Floating point operations of one step. */
  flops?: number | undefined;
  /** Peak of the machine, in GFLOP/s. */
  peak?: number | undefined;
}

/** The command line as it can be typed elsewhere: without this machine's folders and files. */
export function commandLine(args: readonly string[]): string {
  const named: Record<string, string> = { "--folder": "DIR", "--json": "FILE" };
  return ["npm run bench --", ...args.map((arg, i) => named[args[i - 1]] ?? arg)].join(" ");
}

/** This machine, this Node, this commit ("-dirty" where the tree differs from it), now. */
export function setting(root: string, args: readonly string[] = []): Setting {
  const [first] = cpus();
  const git = spawnSync("git", ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"], { cwd: root, encoding: "utf8" });
  return {
    machine: `${first?.model.trim() ?? "unknown"} x ${cpus().length}, ${process.platform} ${process.arch}`,
    node: process.version,
    commit: git.status === 0 ? git.stdout.trim() : "unknown",
    date: new Date().toISOString(),
    command: commandLine(args),
  };
}

/** Four significant digits: more is noise. */
const short = (value: number): number => Number(value.toPrecision(4));

/** The line for ours alone. */
export function ownResult(work: Work, ours: Rounds, where: Setting, versions: Record<string, string>): Result {
  const all = ours.flat();
  return {
    workload: work.name,
    ours_ms_median: short(median(all)),
    ours_iqr: short(interquartile(all)),
    peer: null,
    mode: null,
    peer_ms_median: null,
    ratio_median: null,
    ratio_low: null,
    ratio_high: null,
    rounds: ours.length,
    training: work.training ?? false,
    ...(work.pictures === undefined ? {} : { pictures: work.pictures }),
    gflop: work.flops === undefined ? null : short(work.flops / 1e9),
    peak_gflops: work.peak === undefined ? null : short(work.peak),
    ...{ machine: where.machine, node: where.node, versions, commit: where.commit, date: where.date, command: where.command },
  };
}

/** The line for ours against one peer in one mode, from rounds run in turn. */
export function pairResult(own: Result, ours: Rounds, peer: string, mode: string, theirs: Rounds): Result {
  const ratio = pairedRatio(ours, theirs);
  return {
    ...own,
    peer,
    mode,
    peer_ms_median: short(median(theirs.flat())),
    ratio_median: short(ratio.median),
    ratio_low: short(ratio.low),
    ratio_high: short(ratio.high),
  };
}

/** GFLOP/s of ours, and its share of the machine's peak in percent; empty where the operations are not counted. */
export function rate({ gflop, peak_gflops, ours_ms_median }: Result): { gflops: string; share: string } {
  if (gflop == null) return { gflops: "", share: "" };
  const gflops = (gflop / ours_ms_median) * 1e3;
  return { gflops: gflops.toPrecision(3), share: peak_gflops == null ? "" : `${Math.round((100 * gflops) / peak_gflops)} %` };
}

/** Ratio of each training workload against the peer's fastest mode, and their geometric mean (NaN where there are none). */
export function againstBest(results: readonly Result[], peer: string): { ratios: Map<string, Result>; mean: number } {
  const ratios = new Map<string, Result>();
  for (const result of results) {
    if (!result.training || result.peer !== peer || result.ratio_median === null) continue;
    const known = ratios.get(result.workload);
    if (known === undefined || result.ratio_median < known.ratio_median!) ratios.set(result.workload, result);
  }
  const logs = [...ratios.values()].map((result) => Math.log(result.ratio_median!));
  return { ratios, mean: Math.exp(logs.reduce((a, b) => a + b, 0) / logs.length) };
}

/** A table for people. */
export function table(results: readonly Result[]): string {
  const rows = [["workload", "ours ms", "iqr", "GFLOP/s", "of peak", "peer", "mode", "peer ms", "ratio", "quartiles"]];
  for (const r of results) {
    const ratio = r.ratio_median === null ? "" : `x${r.ratio_median.toFixed(2)}`;
    const spread = r.ratio_low === null || r.ratio_high === null ? "" : `${r.ratio_low.toFixed(2)}-${r.ratio_high.toFixed(2)}`;
    const { gflops, share } = rate(r);
    const own = [r.workload, `${r.ours_ms_median}`, `${r.ours_iqr}`, gflops, share];
    rows.push([...own, r.peer ?? "", r.mode ?? "", `${r.peer_ms_median ?? ""}`, ratio, spread]);
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
