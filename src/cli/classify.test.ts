import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { main } from "./main.ts";
import { capturedIo } from "./testing/captured-io.ts";

const golden = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../tests/golden/data/pretrained");
const model = path.join(golden, "bert-labels");
let folder: string;
let data: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "atelier-classify-cli-"));
  data = path.join(folder, "labelled.csv");
  const rows = Array.from({ length: 30 }, (_, i) =>
    i % 3 === 0 ? `the boat ${"and the tide ".repeat(i)},sea` : `who hides in the dark ${i},land`,
  );
  await writeFile(data, `text,label\n${rows.join("\n")}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...argv: string[]) {
  const io = capturedIo();
  const code = await main(argv, io);
  return { code, out: io.out(), err: io.err() };
}

it("fine-tunes for classes, tells them, and measures", async () => {
  const out = path.join(folder, "tuned");
  const tuned = await run(
    "finetune",
    model,
    "--task",
    "classify",
    "--data",
    data,
    "--out",
    out,
    "--steps",
    "6",
    "--batch",
    "4",
    "--length",
    "24",
  );
  expect(tuned).toMatchObject({ code: 0 });
  expect(tuned.err).toContain("label  training  held out");
  expect(tuned.err).toMatch(/note: \d+ texts are longer than 24 tokens and lost their end/);
  expect(tuned.out).toMatch(/accuracy 0\.\d+|accuracy 1\.0/);
  expect(tuned.out).toContain('"land" for all: ');
  expect(JSON.parse(await readFile(path.join(out, "finetune.json"), "utf8"))).toMatchObject({
    task: "classify",
    steps: 6,
    labels: ["land", "sea"],
  });

  const told = await run("classify", out, "--text", "the boat", "--text", "in the dark", "--json");
  const { texts } = JSON.parse(told.out) as { texts: { text: string; labels: { label: string; probability: number }[] }[] };
  expect(texts.map(({ text }) => text)).toEqual(["the boat", "in the dark"]);
  for (const { labels } of texts) expect(labels[0].probability + labels[1].probability).toBeCloseTo(1, 5);
  await writeFile(path.join(folder, "lines.txt"), "the boat\n\nin the dark\n");
  const lines = await run("classify", out, "--file", path.join(folder, "lines.txt"), "--top", "1");
  expect(lines.out).toMatch(/^likeliest +text\n(sea|land) 0\.\d+ +the boat\n(sea|land) 0\.\d+ +in the dark\n$/);

  const measured = await run("classify", out, "--data", data, "--json");
  expect(JSON.parse(measured.out)).toMatchObject({ cut: expect.any(Number), baseline: { label: "land", accuracy: 2 / 3 } });
  const whole = await run("classify", out, "--data", data, "--passages", "--json");
  expect(JSON.parse(whole.out).cut).toBe(0);
});

it("says early what is wrong", async () => {
  const out = path.join(folder, "none");
  const refused = async (...more: string[]) => (await run("finetune", model, "--task", "classify", "--out", out, ...more)).err;
  const file = path.join(folder, "bad.csv");
  await writeFile(file, "text,label\na,x\nb,x\n");
  expect(await refused("--data", file)).toContain("There is one label only");
  await writeFile(file, "text,label\na,x\n,y\n");
  expect(await refused("--data", file)).toContain("A text is empty");
  await writeFile(file, "text,label\na,x\nb,z\n");
  expect(await refused("--data", data, "--test", file)).toContain("The held-out part has labels that no training text has.");
  expect(await refused("--data", data, "--length", "200")).toContain("3 to 48");
  expect((await run("finetune", path.join(golden, "gpt2"), "--task", "classify", "--data", data, "--out", out)).err).toContain("by a BERT");
  expect((await run("finetune", model, "--task", "sort", "--data", data, "--out", out)).err).toContain("one of: chat, text, classify");
  expect((await run("finetune", model, "--data", data, "--out", out, "--test", file)).err).toContain("--task classify");
  expect((await run("classify", model)).err).toContain("one of --text, --file and --data");
  expect((await run("classify", model, "--data", data)).err).toContain("labels that the network does not tell");
  expect((await run("classify", path.join(golden, "bert"), "--text", "a")).err).toMatch(/tokenizer/);
});
