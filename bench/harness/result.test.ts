import { describe, expect, it } from "vitest";
import { againstBest, commandLine, ownResult, pairResult, type Result, setting, table } from "./result.ts";

const where = { machine: "m", node: "v20", commit: "abc", date: "2026-01-01T00:00:00.000Z", command: "npm run bench --" };

describe("results", () => {
  it("puts ours and a peer on one line, with the ratio of paired rounds", () => {
    const ours = [
      [10, 10],
      [20, 20],
    ];
    const own = ownResult({ name: "cnn", training: true, flops: 3e9, peak: 400 }, ours, where, { atelier: "1" });
    expect(own).toMatchObject({ workload: "cnn", ours_ms_median: 15, ours_iqr: 10, peer: null, ratio_median: null, rounds: 2 });
    const pair = pairResult(own, ours, "toy", "plain", [[15], [30]]);
    expect(pair).toMatchObject({ peer: "toy", peer_ms_median: 22.5, ratio_median: 1.5, ratio_low: 1.5, ratio_high: 1.5, commit: "abc" });
    expect(table([own, pair])).toMatchInlineSnapshot(`
      "workload  ours ms  iqr  GFLOP/s  of peak  peer  mode   peer ms  ratio  quartiles
      cnn       15       10   200      50 %
      cnn       15       10   200      50 %     toy   plain  22.5     x1.50  1.50-1.50"
    `);
  });

  it("takes the geometric mean over training workloads against the peer's fastest mode", () => {
    const line = (workload: string, mode: string, ratio: number, training = true) =>
      ({ workload, mode, peer: "toy", ratio_median: ratio, training }) as Result;
    const lines = [line("a", "x", 4), line("a", "y", 2), line("b", "x", 8), line("c", "x", 100, false)];
    const { ratios, mean } = againstBest(lines, "toy");
    expect([...ratios].map(([name, { mode }]) => [name, mode])).toEqual([
      ["a", "y"],
      ["b", "x"],
    ]);
    expect(mean).toBeCloseTo(4, 10);
    expect(againstBest(lines, "other").mean).toBeNaN();
  });

  it("names machine, node and commit", () => {
    expect(setting(process.cwd())).toMatchObject({ node: process.version, commit: expect.any(String) });
  });

  it("tells the command without this machine's folders", () => {
    expect(commandLine(["--peers", "all", "--folder", "/some/where"])).toBe("npm run bench -- --peers all --folder DIR");
  });
});
