import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { main } from "./main.ts";
import { capturedIo } from "./testing/captured-io.ts";

const golden = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../tests/golden/data/pretrained");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "atelier-attention-cli-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...argv: string[]) {
  const io = capturedIo();
  const code = await main(argv, io);
  return { code, out: io.out(), err: io.err() };
}

it.each(["gpt2", "llama", "bert-labels"])("draws where the tokens of a text look in a %s that others trained", async (name) => {
  const out = path.join(folder, `${name}.png`);
  const { code, out: text } = await run("attention", path.join(golden, name), "--text", "the boat", "--out", out, "--json");
  expect(code).toBe(0);
  const { model, file, tokens, layers } = JSON.parse(text) as { model: string; file: string; tokens: string[]; layers: number[][][] };
  expect([model, file]).toEqual([name, out]);
  expect((await stat(out)).size).toBeGreaterThan(100);
  for (const weights of layers.flat()) {
    expect(weights.length).toBe(tokens.length ** 2);
    expect(weights.slice(0, tokens.length).reduce((a, b) => a + b)).toBeCloseTo(1, 4);
  }
});

it("says which layers there are, and what takes part", async () => {
  const refused = await run(
    "attention",
    path.join(golden, "gpt2"),
    "--text",
    "the boat",
    "--layer",
    "9",
    "--out",
    path.join(folder, "none.png"),
  );
  expect([refused.code, refused.err]).toEqual([2, expect.stringContaining("There is no such layer.")]);
  expect((await run("attention", "no-such-run", "--text", "the boat")).err).toContain("no-such-run");
});
