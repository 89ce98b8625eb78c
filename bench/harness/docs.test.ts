import { describe, expect, it } from "vitest";
import { footprintTable, latest, meanSentence, peerTable, replaceBetween, settingText, workloadList } from "./docs.ts";
import type { FootprintResult } from "./footprint.ts";
import type { Result } from "./result.ts";
import type { Workload } from "./workload.ts";

const where = {
  machine: "m",
  node: "v20",
  commit: "abc",
  date: "2026-01-01T00:00:00.000Z",
  command: "npm run bench --",
  versions: { toy: "1" },
};
const line = (workload: string, mode: string, ratio: number, more: Partial<Result> = {}): Result => ({
  ...{ workload, mode, peer: "toy", rounds: 3, training: true, gflop: 2, peak_gflops: 400, ours_ms_median: 10, ours_iqr: 1 },
  ...{ peer_ms_median: 10 * ratio, ratio_median: ratio, ratio_low: ratio - 0.1, ratio_high: ratio + 0.1 },
  ...where,
  ...more,
});
const workloads = [
  { name: "b", summary: "the second" },
  { name: "a", summary: "the first" },
] as Workload[];

describe("the page of benchmarks", () => {
  const lines = latest([line("a", "x", 9), line("a", "x", 2), line("a", "y", 1.5), line("b", "y", 0.5)]);

  it("takes the last line of each workload and mode, one row a workload", () => {
    expect(peerTable(lines, "toy", workloads)).toMatchInlineSnapshot(`
      "| workload | ours, ms | GFLOP/s | of peak | x | y | against its best |
      | --- | --- | --- | --- | --- | --- | --- |
      | b | 10 | 200 | 50 % |  | 5 (×0.50) | **×0.50** (0.40-0.60) |
      | a | 10 | 200 | 50 % | 20 (×2.00) | 15 (×1.50) | **×1.50** (1.40-1.60) |"
    `);
    expect(workloadList(workloads)).toBe("* `b`: the second\n* `a`: the first");
  });

  it("sums up against the fastest mode", () => {
    expect(meanSentence(lines, "toy")).toMatchInlineSnapshot(
      `"Training steps against toy's fastest mode of each: geometric mean **×0.87** over 2 workloads, 1 of them at 1 or above."`,
    );
    expect(meanSentence(lines, "nobody")).toBe("No training step was measured against nobody.");
    expect(settingText(lines)).toMatchInlineSnapshot(`
      "Machine: m, Node v20. Versions: toy 1. Date: 2026-01-01; commit abc. Peak: 400 GFLOP/s (product of two 1024 x 1024 matrices).

      \`\`\`
      npm run bench --
      \`\`\`"
    `);
  });

  it("knows training steps of lines from before they were marked", () => {
    const old = { ...line("cnn", "x", 1), training: undefined } as unknown as Result;
    expect(latest([old])[0].training).toBe(true);
  });

  it("tells time to the first step and memory", () => {
    const footprint = { workload: "a", side: "toy", mode: "x", prepare_ms: 5, first_step_ms: 9, baseline_mb: 100, peak_mb: 150.4 };
    expect(footprintTable([footprint as FootprintResult]).split("\n")[2]).toBe("| a | toy x | 5 | 9 | 50 | 150 |");
  });

  it("writes between its marks only", () => {
    const page = "before\n<!-- begin t -->\nold\n<!-- end t -->\nafter";
    expect(replaceBetween(page, "t", "new")).toBe("before\n<!-- begin t -->\nnew\n<!-- end t -->\nafter");
    expect(() => replaceBetween(page, "u", "new")).toThrow(/no place for "u"/);
  });
});
