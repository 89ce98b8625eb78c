import { describe, expect, it } from "vitest";
import { ownResult, pairResult, setting, table } from "./result.ts";

const where = { machine: "m", node: "v20", commit: "abc", date: "2026-01-01T00:00:00.000Z" };

describe("results", () => {
  it("puts ours and a peer on one line, with the ratio of paired rounds", () => {
    const ours = [
      [10, 10],
      [20, 20],
    ];
    const own = ownResult("cnn", ours, where, { atelier: "1" });
    expect(own).toMatchObject({ workload: "cnn", ours_ms_median: 15, ours_iqr: 10, peer: null, ratio_median: null, rounds: 2 });
    const pair = pairResult(own, ours, "toy", "plain", [[15], [30]]);
    expect(pair).toMatchObject({ peer: "toy", peer_ms_median: 22.5, ratio_median: 1.5, ratio_low: 1.5, ratio_high: 1.5, commit: "abc" });
    expect(table([own, pair])).toMatchInlineSnapshot(`
      "workload  ours ms  iqr  peer  mode   peer ms  ratio  quartiles
      cnn       15       10
      cnn       15       10   toy   plain  22.5     x1.50  1.50-1.50"
    `);
  });

  it("names machine, node and commit", () => {
    expect(setting(process.cwd())).toMatchObject({ node: process.version, commit: expect.any(String) });
  });
});
