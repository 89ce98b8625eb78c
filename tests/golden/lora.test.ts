// Adapters that PEFT wrote (make_lora.py), on tiny random checkpoints, with its logits.

import { readFileSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Tensor } from "../../src/graph/tensor.ts";
import type { Module } from "../../src/nn/module.ts";
import { decodeSafetensors } from "../../src/pretrained/index.ts";
import { readAdapterFolder, readModelFolder, writeAdapterFolder } from "../../src/pretrained/node/index.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { compile } from "../../src/runtime/program.ts";

const data = path.join(path.dirname(fileURLToPath(import.meta.url)), "data");
const base = async (name: string) =>
  (await readModelFolder(path.join(data, "pretrained", name))).network as Module & { call(tokens: Tensor): Tensor };
const adapter = (name: string) => path.join(data, "lora", name);
const expectedOf = (name: string) =>
  JSON.parse(readFileSync(path.join(adapter(name), "expected.json"), "utf8")) as { tokens: number[][]; logits: number[][] };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "atelier-lora-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function lastLogits(network: { call(tokens: Tensor): Tensor }, tokens: number[][]): Promise<number[][]> {
  const [B, T] = [tokens.length, tokens[0].length];
  const program = await compile<"tokens", "y">(await openBackend(), ({ tokens }) => ({ y: network.call(tokens).slice(1, T - 1, T) }), {
    inputs: { tokens: { shape: [B, T], dtype: "int32" } },
  });
  const y = [...((await program.run({ tokens: Int32Array.from(tokens.flat()) })).y as Float32Array)];
  await program.dispose();
  return Array.from({ length: B }, (_, b) => y.slice((b * y.length) / B, ((b + 1) * y.length) / B));
}

function expectClose(got: number[][], expected: number[][]): void {
  for (const [b, row] of expected.entries()) for (const [i, value] of row.entries()) expect(Math.abs(got[b][i] - value)).toBeLessThan(1e-3);
}

describe.each(["gpt2", "llama"])("PEFT's adapter on %s", (name) => {
  it("gives the same logits, merged too, and goes away", async () => {
    const { tokens, logits } = expectedOf(name);
    const network = await base(name);
    const plain = await lastLogits(network, tokens);
    const lora = await readAdapterFolder(adapter(name), network);
    expectClose(await lastLogits(network, tokens), logits);
    lora.merge();
    expectClose(await lastLogits(network, tokens), logits);
    lora.remove();
    expectClose(await lastLogits(network, tokens), plain);
  });

  it("is written as it was read", async () => {
    const network = await base(name);
    const lora = await readAdapterFolder(adapter(name), network);
    const out = path.join(folder, name);
    await writeAdapterFolder(out, lora, network, name);
    const tensors = async (where: string) => {
      const file = path.join(where, "adapter_model.safetensors");
      return decodeSafetensors(new Uint8Array(await readFile(file)), { file }).tensors;
    };
    expect(Object.fromEntries(await tensors(out))).toEqual(Object.fromEntries(await tensors(adapter(name))));
    const config = async (where: string) =>
      JSON.parse(await readFile(path.join(where, "adapter_config.json"), "utf8")) as Record<string, unknown>;
    const [ours, theirs] = [await config(out), await config(adapter(name))];
    for (const key of ["r", "lora_alpha", "use_rslora", "fan_in_fan_out", "peft_type", "task_type", "bias", "base_model_name_or_path"])
      expect(ours[key]).toEqual(theirs[key]);
  });
});

describe("an adapter", () => {
  it("of another base is refused, with what does not fit", async () => {
    await expect(readAdapterFolder(adapter("gpt2"), await base("llama"))).rejects.toThrow("trained on another model");
    const network = await base("llama3");
    await expect(readAdapterFolder(adapter("llama"), network)).rejects.toThrow(/v_proj is \[12, 32\], not \[16, 32\]/);
  });

  it("of a kind that is not known is refused by the field's name", async () => {
    const out = path.join(folder, "dora");
    await cp(adapter("gpt2"), out, { recursive: true });
    const file = path.join(out, "adapter_config.json");
    const fields = JSON.parse(await readFile(file, "utf8")) as object;
    for (const [key, value] of [
      ["use_dora", true],
      ["peft_type", "IA3"],
      ["modules_to_save", ["lm_head"]],
      ["r", 0],
    ] as const) {
      await writeFile(file, JSON.stringify({ ...fields, [key]: value }));
      await expect(readAdapterFolder(out, await base("gpt2"))).rejects.toThrow(`adapter_config.json, ${key}`);
    }
    await writeFile(file, JSON.stringify({ ...fields, r: 31, rank_pattern: {} }));
    await expect(readAdapterFolder(out, await base("gpt2"))).rejects.toThrow("not of the rank that its configuration says");
    await rm(path.join(out, "adapter_model.safetensors"));
    await writeFile(file, JSON.stringify(fields));
    await expect(readAdapterFolder(out, await base("gpt2"))).rejects.toThrow("no weights that can be read");
  });
});
