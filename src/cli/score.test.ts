import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryHome } from "../runs/testing/make.ts";
import { main } from "./main.ts";
import { capturedIo } from "./testing/captured-io.ts";

const home = temporaryHome();

async function score(files: Record<string, string>, ...argv: string[]) {
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(home(), name), text);
  const io = capturedIo();
  const named = argv.map((word) => (Object.hasOwn(files, word) ? path.join(home(), word) : word));
  const code = await main(["score", ...named], io);
  return { code, out: io.out(), err: io.err().replaceAll(home(), "HOME") };
}

const files = {
  "mine.txt": "the cat sat on the mat\nA dog runs .\n",
  "right.txt": "the cat sat on the mat\r\nA dog ran .\r\n",
  "other.txt": "a cat was on the mat\nA dog runs .\n",
  "short.txt": "one line\n",
  "empty.txt": "",
};

describe("atelier score", () => {
  it("tells BLEU and chrF with their settings", async () => {
    const { code, out } = await score(files, "mine.txt", "--references", "right.txt", "--json");
    expect(code).toBe(0);
    const { segments, scores } = JSON.parse(out);
    expect(segments).toBe(2);
    expect(scores.map(({ metric }: { metric: string }) => metric)).toEqual(["bleu", "chrf"]);
    expect(scores[0].value).toBeCloseTo(76.21991, 4);
    expect(scores[0].about).toContain("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp");
    const table = (await score(files, "mine.txt", "--references", "right.txt", "other.txt", "--metrics", "exact,wer,rougeL")).out;
    expect(table).toBe(
      "exact   1  share that equals a reference\nwer     0  0 edits / 10 words\nrougeL  1  F1, mean over segments; precision 1, recall 1\n",
    );
  });

  it("compares texts with each other, and with a corpus", async () => {
    const { out } = await score(files, "mine.txt", "--corpus", "other.txt");
    expect(out).toContain("distinct1");
    expect(out).toContain("self-bleu");
    expect(out).toMatch(/copied {5}25 {6}characters; 0\.0% in copies of 50 or more: " on the mat\\nA dog runs/);
  });

  it("says what is missing or does not fit", async () => {
    expect((await score(files, "mine.txt", "--references", "short.txt")).err).toContain("1 in HOME/short.txt");
    expect((await score(files, "mine.txt", "--metrics", "blue", "--references", "right.txt")).err).toContain('did you mean "bleu"');
    expect((await score(files, "mine.txt", "--metrics", "bleu")).err).toContain("give --references FILE");
    for (const args of [["empty.txt"], ["mine.txt", "--references", "empty.txt"], ["mine.txt", "--corpus", "empty.txt"]])
      expect((await score(files, ...args)).err).toMatch(/There is no text in the file.*empty\.txt/s);
    expect((await score(files, "nothing.txt")).err).toContain("Could not read nothing.txt");
    expect((await score(files, "mine.txt", "--tokenize", "12a", "--references", "right.txt")).code).toBe(2);
  });
});
