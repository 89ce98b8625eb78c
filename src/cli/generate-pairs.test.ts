import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryHome } from "../runs/testing/make.ts";
import { main } from "./main.ts";
import { capturedIo } from "./testing/captured-io.ts";

const home = temporaryHome();

async function run(...argv: string[]) {
  const io = capturedIo({ env: { ATELIER_HOME: home() } });
  const before = process.env.ATELIER_HOME;
  process.env.ATELIER_HOME = home();
  const code = await main(argv, io).finally(() => {
    if (before === undefined) delete process.env.ATELIER_HOME;
    else process.env.ATELIER_HOME = before;
  });
  return { code, out: io.out(), err: io.err() };
}

/** Words and the same in capitals, letter by letter; two answers are right for each tenth. */
function pairsFile(): string {
  const lines = Array.from({ length: 240 }, (_, i) => {
    const word = [0, 1, 2].map((place) => "abcd"[Math.floor(i / 4 ** place) % 4]).join("");
    return `${word}\t${[...word.toUpperCase()].join(" ")}`;
  });
  const file = path.join(home(), "pairs.tsv");
  writeFileSync(file, `${[...new Set(lines)].join("\n")}\nabc\tX\n`);
  return file;
}

describe("runs of pairs", () => {
  it("train on own pairs, write from a prompt, show where they looked, and are measured greedily and with beams", async () => {
    const file = pairsFile();
    const trained = await run("train", "seq2seq", "--preset", "smoke", "--data", file, "--steps", "60", "--run", "caps");
    expect(trained.err + trained.out).toContain("tokenAccuracy");
    expect(trained.code).toBe(0);
    const picture = path.join(home(), "alignment.png");
    const told = await run("generate", "caps", "--prompt", "abc", "--count", "3", "--frames", picture, "--json");
    const { texts, alignment } = JSON.parse(told.out);
    expect([texts.length, alignment]).toEqual([3, picture]);
    for (const { text } of texts) expect(text).toMatch(/^([A-DX]( [A-DX])*)?$/);
    expect(texts[0].score).toBeGreaterThanOrEqual(texts[1].score);
    const { translations } = JSON.parse((await run("evaluate", "caps", "--sampling", "beams=3", "--json")).out);
    expect(translations.beam).toMatchObject({ beams: 3, lengthPenalty: 1 });
    for (const side of [translations.greedy, translations.beam]) {
      expect(side.exact).toBeGreaterThanOrEqual(0);
      expect(side.exact).toBeLessThanOrEqual(1);
      expect(Number.isFinite(side.errorRate)).toBe(true);
    }
    expect((await run("generate", "caps")).err).toContain('--prompt "hello"');
    expect((await run("generate", "caps", "--prompt", "abc", "--temperature", "1")).err).toContain("--temperature");
    expect((await run("generate", "caps", "--prompt", "abc", "--sampling", "beams=0")).code).toBe(2);
    expect((await run("generate", "caps", "--prompt", "abc", "--count", "3", "--sampling", "beams=2")).err).toContain("--count 3, beams=2");
  });
});
