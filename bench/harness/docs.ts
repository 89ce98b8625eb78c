import { UsageError } from "../../src/core/errors.ts";
import { NETWORKS } from "./check.ts";
import type { FootprintResult } from "./footprint.ts";
import { againstBest, type Result, rate } from "./result.ts";
import type { Workload } from "./workload.ts";

/** The last line of each workload, peer and mode; lines written before training steps were marked are completed. */
export function latest(lines: readonly Result[]): Result[] {
  const last = new Map<string, Result>();
  for (const line of lines) {
    const complete = { ...line, training: line.training ?? line.workload in NETWORKS };
    last.set(`${line.workload} ${line.peer} ${line.mode}`, complete);
  }
  return [...last.values()];
}

const times = (value: number): string => `×${value.toFixed(2)}`;

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Distinct values in the order they appear. */
const distinct = (values: readonly (string | null)[]): string[] => [...new Set(values.filter((value) => value !== null))];

/**
 * One row a workload against one peer: milliseconds, GFLOP/s and share of the peak of ours, milliseconds and ratio in each of the peer's modes,
 * and the ratio against the fastest mode with its quartiles. The order is that of `workloads`.
 */
export function peerTable(results: readonly Result[], peer: string, workloads: readonly Workload[]): string {
  const own = results.filter((result) => result.peer === peer && result.ratio_median !== null);
  const modes = distinct(own.map(({ mode }) => mode));
  const rates = own.some(({ gflop }) => gflop != null);
  const rows = workloads.flatMap(({ name }) => {
    const lines = own.filter(({ workload }) => workload === name);
    if (lines.length === 0) return [];
    const [best] = [...lines].sort((a, b) => a.ratio_median! - b.ratio_median!);
    const { gflops, share } = rate(best);
    const cells = modes.map((mode) => {
      const line = lines.find((each) => each.mode === mode);
      return line === undefined ? "" : `${line.peer_ms_median} (${times(line.ratio_median!)})`;
    });
    const spread = `**${times(best.ratio_median!)}** (${best.ratio_low!.toFixed(2)}-${best.ratio_high!.toFixed(2)})`;
    return [[name, `${best.ours_ms_median}`, ...(rates ? [gflops, share] : []), ...cells, spread]];
  });
  return markdown(["workload", "ours, ms", ...(rates ? ["GFLOP/s", "of peak"] : []), ...modes, "against its best"], rows);
}

/** Pictures a second, of ours and in each of the peer's modes, and the ratio against the fastest. The order is that of `workloads`. */
export function samplingTable(results: readonly Result[], peer: string, workloads: readonly Workload[]): string {
  const own = results.filter((result) => result.peer === peer && result.ratio_median !== null && result.pictures !== undefined);
  const modes = distinct(own.map(({ mode }) => mode));
  const rows = workloads.flatMap(({ name }) => {
    const lines = own.filter(({ workload }) => workload === name);
    if (lines.length === 0) return [];
    const [best] = [...lines].sort((a, b) => a.ratio_median! - b.ratio_median!);
    const perSecond = (ms: number): string => `${Number(((1000 * best.pictures!) / ms).toPrecision(3))}`;
    const cells = modes.map((mode) => {
      const line = lines.find((each) => each.mode === mode);
      return line === undefined ? "" : `${perSecond(line.peer_ms_median!)} (${times(line.ratio_median!)})`;
    });
    const spread = `**${times(best.ratio_median!)}** (${best.ratio_low!.toFixed(2)}-${best.ratio_high!.toFixed(2)})`;
    return [[name, perSecond(best.ours_ms_median), ...cells, spread]];
  });
  return markdown(["workload", "ours, pictures/s", ...modes, "against its best"], rows);
}

/** What each workload is, as a list. */
export function workloadList(workloads: readonly Workload[]): string {
  return workloads.map(({ name, summary }) => `* \`${name}\`: ${summary}`).join("\n");
}

/** The geometric mean over training steps, in one sentence. */
export function meanSentence(results: readonly Result[], peer: string): string {
  const { ratios, mean } = againstBest(results, peer);
  if (ratios.size === 0) return `No training step was measured against ${peer}.`;
  const faster = [...ratios.values()].filter(({ ratio_median }) => ratio_median! >= 1).length;
  return `Training steps against ${peer}'s fastest mode of each: geometric mean **${times(mean)}** over ${ratios.size} workloads, ${faster} of them at 1 or above.`;
}

/** Machine, versions, dates and commands of the lines used. */
export function settingText(results: readonly Result[]): string {
  const versions = Object.assign({}, ...results.map((result) => result.versions)) as Record<string, string>;
  const peaks = results.flatMap(({ peak_gflops }) => peak_gflops ?? []);
  const commands = distinct(results.map(({ command }) => command ?? null));
  const parts = [
    `Machine: ${distinct(results.map(({ machine }) => machine)).join("; ")}, Node ${distinct(results.map(({ node }) => node)).join(", ")}.`,
    `Versions: ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}.`,
    `Date: ${distinct(results.map(({ date }) => date.slice(0, 10))).join(", ")}; commit ${distinct(results.map(({ commit }) => commit)).join(", ")}.`,
    ...(peaks.length > 0 ? [`Peak: ${Math.round(Math.max(...peaks))} GFLOP/s (product of two 1024 x 1024 matrices).`] : []),
  ];
  const block = commands.length > 0 ? `\n\n\`\`\`\n${commands.join("\n")}\n\`\`\`` : "";
  return `${parts.join(" ")}${block}`;
}

/** Time to the first step and memory above the loaded library. */
export function footprintTable(lines: readonly FootprintResult[]): string {
  const last = new Map(lines.map((line) => [`${line.workload} ${line.side} ${line.mode}`, line]));
  const rows = [...last.values()].map((line) => {
    const memory = `${Math.round(line.peak_mb - line.baseline_mb)}`;
    return [
      line.workload,
      `${line.side} ${line.mode}`.trim(),
      `${line.prepare_ms}`,
      `${line.first_step_ms}`,
      memory,
      `${Math.round(line.peak_mb)}`,
    ];
  });
  return markdown(["workload", "side", "prepared, ms", "first step done, ms", "memory above the library, MB", "highest, MB"], rows);
}

/** Put `body` between `<!-- begin NAME -->` and `<!-- end NAME -->`. @throws UsageError where the page has no such place */
export function replaceBetween(page: string, name: string, body: string): string {
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new UsageError({ what: `The page has no place for "${name}".`, expected: `${begin} ... ${end}` });
  return `${page.slice(0, from + begin.length)}\n${body}\n${page.slice(to)}`;
}
