// Whether Hugging Face's peft reads the adapters that we write: `node bin/ts.js bench/serving/lora.ts PYTHON [STEPS]`, with a Python that has peft. Teaches
// the tiny checkpoints of the tests one answer by LoRA, writes the adapters, and compares logits with ours. `lora.ts PYTHON BASE ADAPTER` compares those of
// an adapter that `atelier finetune BASE --out ADAPTER` has made.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Tensor } from "../../src/graph/tensor.ts";
import type { Module } from "../../src/nn/index.ts";
import { finetune, writeFinetuned } from "../../src/runs/finetune.ts";
import { loadText } from "../../src/runs/text-engine.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { compile } from "../../src/runtime/program.ts";

const [python = "python3", stepsOrBase = "40", made] = process.argv.slice(2);
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const backend = await openBackend({ device: "cpu" });
const folder = mkdtempSync(path.join(tmpdir(), "atelier-peft-"));
const tokens = [
  [3, 14, 15, 9, 26, 5],
  [35, 8, 9, 7, 9, 3],
];
const chats = ["the tide", "a boat", "the moon", "at noon", "the pier", "the bay"].map((content) => [
  { role: "user", content },
  { role: "assistant", content: "went out" },
]);

async function logitsOf(network: Module & { call(tokens: Tensor): Tensor }): Promise<number[]> {
  const inputs = { tokens: { shape: [2, 6], dtype: "int32" as const } };
  const program = await compile<"tokens", "y">(backend, ({ tokens }) => ({ y: network.call(tokens) }), { inputs });
  const y = Array.from((await program.run({ tokens: Int32Array.from(tokens.flat()) })).y as Float32Array);
  await program.dispose();
  return y;
}

const furthest = (a: readonly number[], b: readonly number[]) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

/** Logits of one network with its adapter: ours, and peft's from the two folders. */
async function compare(network: Module, base: string, adapter: string, notes: Record<string, unknown>): Promise<void> {
  const ours = await logitsOf(network as Module & { call(tokens: Tensor): Tensor });
  const theirs = spawnSync(python, [here("../peers/lora.py"), base, adapter], {
    input: JSON.stringify(tokens),
    encoding: "utf8",
    maxBuffer: 1e8,
  });
  if (theirs.status !== 0) throw new Error(theirs.stderr);
  const { logits, plain, versions } = JSON.parse(theirs.stdout) as { logits: number[]; plain: number[]; versions: Record<string, string> };
  const result = { ...notes, furthest: furthest(ours, logits), changed: furthest(plain, logits) };
  console.log(JSON.stringify({ ...result, versions }));
  if (!(result.furthest < 1e-3 && result.changed > 0.1)) process.exitCode = 1;
}

for (const name of made === undefined ? ["gpt2", "llama", "llama3", "qwen2"] : []) {
  const base = here(`../../tests/golden/data/pretrained/${name}`);
  const loaded = await loadText(base);
  const options = { backend, lora: { rank: 4 }, epochs: 1, steps: Number(stepsOrBase), batch: 4, length: 40, learningRate: 0.02, seed: 0 };
  const report = await finetune(loaded, chats, options);
  const adapter = path.join(folder, name);
  await writeFinetuned(adapter, loaded, report, { base: name });
  await compare(loaded.network, base, adapter, { model: name, nats_before: report.before, nats_after: report.after });
}
if (made !== undefined) await compare((await loadText(made)).network, stepsOrBase, made, { base: stepsOrBase, adapter: made });
rmSync(folder, { recursive: true });
