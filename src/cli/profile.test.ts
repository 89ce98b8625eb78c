import { describe, expect, it } from "vitest";
import { main } from "./main.ts";
import { capturedIo } from "./testing/captured-io.ts";

async function run(...argv: string[]) {
  const io = capturedIo();
  const code = await main(["profile", ...argv], io);
  return { code, out: io.out(), err: io.err() };
}

describe("atelier profile", () => {
  it("prints a table of a model's training step by op", async () => {
    const { code, out } = await run("mlp", "--preset", "smoke", "--runs", "1");
    expect(code).toBe(0);
    expect(out).toMatch(/^mlp training step: [\d.]+ ms a run, mean of 1, [\d.]+ GFLOP\/s\nop +count +µs +share +GFLOP\/s\n/);
    expect(out).toMatch(/^gemm +\d+ +\d+ +[\d.]+ % /m);
  });

  it("adds up by layer, for machines too", async () => {
    const { code, out } = await run("mlp", "--preset", "smoke", "--runs", "1", "--by", "layer", "--json");
    expect(code).toBe(0);
    const { by, rows } = JSON.parse(out) as { by: string; rows: { key: string; share: number }[] };
    expect(by).toBe("layer");
    expect(rows.map(({ key }) => key)).toContain("(no layer)");
    expect(rows.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6);
  });

  it("answers wrong use with exit code 2", async () => {
    expect(await run("mlp", "--by", "layr")).toMatchObject({ code: 2, err: expect.stringContaining('did you mean "layer"?') });
    expect((await run("mpl")).code).toBe(2);
  });
});
