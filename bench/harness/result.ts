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
  machine: string;
  node: string;
  versions: Record<string, string>;
  commit: string;
  date: string;
}

/** Where and with what was measured. */
export interface Setting {
  machine: string;
  node: string;
  commit: string;
  date: string;
}

/** This machine, this Node, this commit ("-dirty" where the tree differs from it), now. */
export function setting(root: string): Setting {
  const [first] = cpus();
  const git = spawnSync("git", ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"], { cwd: root, encoding: "utf8" });
  return {
    machine: `${first?.model.trim() ?? "unknown"} x ${cpus().length}, ${process.platform} ${process.arch}`,
    node: process.version,
    commit: git.status === 0 ? git.stdout.trim() : "unknown",
    date: new Date().toISOString(),
  };
}

/** Four significant digits: more is noise. */
const short = (value: number): number => Number(value.toPrecision(4));

/** The line for ours alone. */
export function ownResult(workload: string, ours: Rounds, where: Setting, versions: Record<string, string>): Result {
  const all = ours.flat();
  return {
    workload,
    ours_ms_median: short(median(all)),
    ours_iqr: short(interquartile(all)),
    peer: null,
    mode: null,
    peer_ms_median: null,
    ratio_median: null,
    ratio_low: null,
    ratio_high: null,
    rounds: ours.length,
    ...{ machine: where.machine, node: where.node, versions, commit: where.commit, date: where.date },
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

/** A table for people. */
export function table(results: readonly Result[]): string {
  const rows = [["workload", "ours ms", "iqr", "peer", "mode", "peer ms", "ratio", "quartiles"]];
  for (const r of results) {
    const ratio = r.ratio_median === null ? "" : `x${r.ratio_median.toFixed(2)}`;
    const spread = r.ratio_low === null || r.ratio_high === null ? "" : `${r.ratio_low.toFixed(2)}-${r.ratio_high.toFixed(2)}`;
    rows.push([r.workload, `${r.ours_ms_median}`, `${r.ours_iqr}`, r.peer ?? "", r.mode ?? "", `${r.peer_ms_median ?? ""}`, ratio, spread]);
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
