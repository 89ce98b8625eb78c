import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RandomStream } from "../core/random.ts";
import type { TextEngine } from "../generation/engine.ts";
import { findModel } from "../models/index.ts";
import type { Backend } from "../runtime/backend.ts";
import { openBackend } from "../runtime/node/open.ts";
import { finetune, finetuneText, writeFinetuned } from "./finetune.ts";
import { loadText, openTextEngine } from "./text-engine.ts";

const base = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../tests/golden/data/pretrained/gpt2");
const questions = ["the tide", "a boat", "the moon", "at noon", "the pier", "the bay", "in the dark", "who hides"];
const chats = questions.map((content) => [
  { role: "user", content },
  { role: "assistant", content: "went out" },
]);

let backend: Backend;
let folder: string;
beforeAll(async () => {
  backend = await openBackend();
  folder = await mkdtemp(path.join(tmpdir(), "atelier-finetune-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function answer(engine: TextEngine, text: string): Promise<string> {
  const prompt = engine.tokenizer.encode(`User: ${text}\nAssistant:`);
  let written = "";
  for await (const token of engine.generate({ prompt, maxTokens: 8 })) written += token.text;
  await engine.close();
  return written;
}

it.each([
  ["adapters", { rank: 4 }, 0.05],
  ["all weights", undefined, 0.01],
])("%s learn to answer, are written, and answer when they are read", async (name, lora, learningRate) => {
  const plain = await openTextEngine(base, { backend });
  expect(await answer(plain.engine, "a boat")).not.toContain("went out");
  const loaded = await loadText(base);
  const losses: number[] = [];
  const options = { backend, lora, epochs: 1, steps: 60, batch: 4, length: 40, learningRate, seed: 3 };
  const report = await finetune(loaded, chats, { ...options, onStep: (_step, _of, loss) => losses.push(loss) });
  expect(losses).toHaveLength(60);
  expect(report.after).toBeLessThan(report.before / 3);
  expect(report.conversations + report.heldOut).toBe(8);
  const out = path.join(folder, name);
  await writeFinetuned(out, loaded, report, { base: "gpt2" });
  const tuned = await openTextEngine(out, { backend });
  expect(await answer(tuned.engine, "a boat")).toBe(" went out");
  expect(JSON.parse(await readFile(path.join(out, "finetune.json"), "utf8"))).toMatchObject({ base: "gpt2", steps: 60 });
});

it.each([
  ["adapters", { rank: 8 }, 0.03],
  ["all weights", undefined, 0.01],
])("%s learn a plain text, which is then gone on with", async (name, lora, learningRate) => {
  const loaded = await loadText(base);
  const text = "the boat went out at noon and came in the dark\n".repeat(40);
  const [train, test] = [[{ id: "a", text }], [{ id: "b", text: text.slice(0, 188) }]];
  const options = { backend, lora, epochs: 1, steps: 300, batch: 4, length: 40, learningRate, seed: 3 };
  const report = await finetuneText(loaded, { train, test }, options);
  expect(report.after).toBeLessThan(report.before / 3);
  const out = path.join(folder, `text-${name}`);
  await writeFinetuned(out, loaded, report, { base: "gpt2" });
  const { engine } = await openTextEngine(out, { backend });
  let written = "";
  for await (const token of engine.generate({ prompt: engine.tokenizer.encode("the boat went"), maxTokens: 6 })) written += token.text;
  await engine.close();
  expect(" out at noon and came in the dark").toContain(written);
  expect(written.length).toBeGreaterThan(5);
  await expect(finetuneText(loaded, { train: test, test }, { ...options, batch: 64 })).rejects.toThrow(/too short.*at least 64/s);
  await expect(finetuneText(loaded, { train, test: [{ id: "b", text: "" }] }, options)).rejects.toThrow("and 0 held out");
});

it("wants two conversations, and a length that holds answers", async () => {
  const loaded = await loadText(base);
  const options = { backend, lora: { rank: 1 }, epochs: 1, batch: 1, length: 40, learningRate: 1e-3, seed: 0 };
  await expect(finetune(loaded, chats.slice(0, 1), options)).rejects.toThrow("At least two different conversations");
  await expect(finetune(loaded, chats, { ...options, length: 3 })).rejects.toThrow("without an answer in the first 3 tokens");
  await expect(finetune(loaded, chats, { ...options, length: 48 })).rejects.toThrow(/context.*48 tokens.*at most 47/s);
});

it.each(["lstm", "seq2seq", "transformer", "bert"])("%s is refused: it is no decoder", async (name) => {
  const record = findModel(name);
  const network = record.build(record.presets.smoke.config, new RandomStream(0, "weights"));
  const options = { backend, lora: { rank: 1 }, epochs: 1, batch: 1, length: 4, learningRate: 1e-3, seed: 0 };
  await expect(finetune({ ...(await loadText(base)), network, name }, chats, options)).rejects.toThrow("cannot be fine-tuned on texts");
});
