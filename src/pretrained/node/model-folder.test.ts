import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { namedParameters } from "../../nn/module.ts";
import { Gpt2 } from "../../nn/transformers/gpt2.ts";
import { architectures } from "../architectures.ts";
import { decodeSafetensors, encodeSafetensors, type FileTensor } from "../safetensors.ts";
import { readModelFolder, requireTokenizer, writeModelFolder } from "./model-folder.ts";

const golden = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../../tests/golden/data/pretrained");

let folder: string;

beforeEach(async () => {
  folder = path.join(await mkdtemp(path.join(tmpdir(), "atelier-folder-")), "model");
});
afterEach(async () => {
  await rm(path.dirname(folder), { recursive: true, force: true });
});

const use = (name: string) => cp(path.join(golden, name), folder, { recursive: true });
const refusal = () => readModelFolder(folder).then(String, (error: Error) => error.message);

async function changeConfig(changes: Record<string, unknown>): Promise<void> {
  const file = path.join(folder, "config.json");
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, "utf8")), ...changes }));
}

async function changeWeights(change: (tensors: Map<string, FileTensor>) => void): Promise<void> {
  const file = path.join(folder, "model.safetensors");
  const { tensors } = decodeSafetensors(new Uint8Array(await readFile(file)), { file });
  change(tensors);
  await writeFile(file, encodeSafetensors(tensors, { format: "pt" }));
}

function numbers(network: Parameters<typeof namedParameters>[0]): Record<string, number[]> {
  return Object.fromEntries([...namedParameters(network)].map(([name, { data }]) => [name, [...data]]));
}

describe("a model's folder", () => {
  it.each([
    ["gpt2", undefined],
    ["llama", 20_000],
    ["llama3", undefined],
    ["qwen2", undefined],
  ])("%s comes back as it was written", async (name, shardBytes) => {
    const first = await readModelFolder(path.join(golden, name));
    const { network, tokenizer, configJson } = first;
    await writeModelFolder(folder, { network, tokenizer, configJson, shardBytes });
    const second = await readModelFolder(folder);
    expect(numbers(second.network)).toEqual(numbers(network));
    expect(second.kind).toBe(first.kind);
    expect(second.endTokens).toEqual(first.endTokens);
    expect([...requireTokenizer(second).encode("the tide")]).toEqual([...requireTokenizer(first).encode("the tide")]);
  });

  it("leaves no weights of the model that was there before", async () => {
    const { network, tokenizer } = await readModelFolder(path.join(golden, "llama"));
    const other = await readModelFolder(path.join(golden, "gpt2"));
    const weightFiles = async () => (await readdir(folder)).filter((name) => name.includes("safetensors")).length;
    await writeModelFolder(folder, { network, tokenizer });
    await writeModelFolder(folder, { ...other, shardBytes: 20_000 });
    expect(numbers((await readModelFolder(folder)).network)).toEqual(numbers(other.network));
    const many = await weightFiles();
    await writeModelFolder(folder, { ...other, shardBytes: 40_000 });
    expect(await weightFiles()).toBeLessThan(many);
    await writeModelFolder(folder, { network, tokenizer });
    expect(await weightFiles()).toBe(1);
    expect(numbers((await readModelFolder(folder)).network)).toEqual(numbers(network));
  });

  it("of a network without biases has zeros in their place", async () => {
    const network = new Gpt2({ vocabulary: 11, context: 6, width: 8, layers: 2, heads: 2, bias: false }, new RandomStream(1, "weights"));
    await writeModelFolder(folder, { network });
    const { network: read } = await readModelFolder(folder);
    const all = numbers(read);
    expect(all["transformer.h.1.mlp.c_fc.bias"]).toEqual(Array(32).fill(0));
    expect(all).toMatchObject(numbers(network));
    const [gpt2] = architectures;
    expect(gpt2.parameterCount(network.config)).toBe(network.parameterCount);
    await expect(readModelFolder(folder).then(requireTokenizer)).rejects.toThrow("no tokenizer");
  });

  it("may have older names, masks and a head that is the embeddings", async () => {
    await use("gpt2");
    await changeWeights((tensors) => {
      for (const [name, tensor] of [...tensors]) {
        tensors.delete(name);
        tensors.set(name.replace("transformer.", ""), tensor);
      }
      tensors.set("h.0.attn.bias", { dtype: "bool", shape: [1, 1, 2, 2], data: Uint8Array.of(1, 0, 1, 1) });
      tensors.set("lm_head.weight", tensors.get("wte.weight")!);
    });
    const { network } = await readModelFolder(folder);
    expect(numbers(network)).toEqual(numbers((await readModelFolder(path.join(golden, "gpt2"))).network));
    await changeWeights((tensors) => {
      const head = tensors.get("lm_head.weight") as Extract<FileTensor, { dtype: "float32" }>;
      tensors.set("lm_head.weight", { ...head, data: head.data.map((v) => v + 1) });
    });
    expect(await refusal()).toContain("lm_head.weight and transformer.wte.weight");
  });

  it("whose names and shapes do not fit is refused with a list of all of them", async () => {
    await use("gpt2");
    await changeWeights((tensors) => {
      tensors.delete("transformer.h.0.ln_1.bias");
      tensors.set("transformer.h.7.ln_1.bias", { dtype: "float32", shape: [2], data: new Float32Array(2) });
      tensors.set("transformer.ln_f.bias", { dtype: "float32", shape: [2], data: new Float32Array(2) });
    });
    const text = await refusal();
    expect(text).toContain("1 missing: transformer.h.0.ln_1.bias");
    expect(text).toContain("1 unexpected: transformer.h.7.ln_1.bias");
    expect(text).toContain("1 of another shape: transformer.ln_f.bias [2] instead of [32]");
  });

  it("whose configuration is larger than its files is refused before memory is taken", async () => {
    await use("gpt2");
    await changeConfig({ vocab_size: 1 << 24, n_embd: 1 << 17 });
    expect(await refusal()).toContain("a larger network than the weights are of");
    await changeConfig({ vocab_size: 1e12 });
    expect(await refusal()).toContain('"vocab_size" is not valid');
  });

  it.each([
    ["an unknown kind", { model_type: "rwkv" }, "This kind of model is not known."],
    ["no kind", { model_type: null }, "This kind of model is not known."],
    ["a scaling that is not known", { rope_parameters: { rope_type: "yarn", factor: 4 } }, "scaling of rotary positions is not supported"],
    ["another activation", { hidden_act: "gelu" }, "the feed-forward layer is SwiGLU"],
    ["quantised weights", { quantization_config: { bits: 4 } }, "weights are read as float32"],
    ["another vocabulary", { vocab_size: 40 }, "of another shape"],
    ["heads that do not divide the width", { num_attention_heads: 5, num_key_value_heads: 5, head_dim: null }, "config.json"],
  ])("with %s is refused", async (_, changes, message) => {
    await use("llama3");
    await changeConfig(changes);
    expect(await refusal()).toContain(message);
  });

  it("may have a BERT's tokenizer as vocab.txt", async () => {
    await use("bert-labels");
    const first = requireTokenizer(await readModelFolder(folder));
    const lines = Array.from({ length: first.vocabularySize }, (_, id) => first.tokenOf(id));
    await rm(path.join(folder, "tokenizer.json"));
    await rm(path.join(folder, "tokenizer_config.json"));
    await writeFile(path.join(folder, "vocab.txt"), `${lines.join("\r\n")}\r\n`);
    const second = requireTokenizer(await readModelFolder(folder));
    for (const text of ["The Bo\u00e4ts, [MASK] and 12!", "", "\u6f22 tide"]) {
      expect([...second.encode(text)]).toEqual([...first.encode(text)]);
      expect(second.decode(second.encode(text))).toBe(first.decode(first.encode(text)));
    }
    expect(second.encodePair("the", "tide")).toEqual(first.encodePair("the", "tide"));
    const settings = path.join(folder, "tokenizer_config.json");
    await writeFile(settings, '{"do_lower_case": "no"}');
    expect(await refusal()).toMatch(/tokenizer_config\.json, do_lower_case/);
    await writeFile(settings, '{"do_lower_case": false}');
    expect([...requireTokenizer(await readModelFolder(folder)).encode("The")]).not.toEqual([...second.encode("The")]);
    await writeFile(settings, '{"tokenizer_class": "BertJapaneseTokenizer"}');
    expect(await refusal()).toContain("not as BERT's is");
    await rm(settings);
    await writeFile(path.join(folder, "vocab.txt"), "the\n[PAD]\n");
    expect(await refusal()).toMatch(/lacks special tokens[\s\S]*\[UNK\] \[CLS\] \[SEP\] \[MASK\]/);
  });

  it("may have its tokenizer as vocab.json and merges.txt", async () => {
    await use("gpt2");
    const file = path.join(folder, "tokenizer.json");
    const { model } = JSON.parse(await readFile(file, "utf8")) as { model: { vocab: object; merges: [string, string][] } };
    await rm(file);
    await expect(readModelFolder(folder).then(requireTokenizer)).rejects.toThrow("vocab.json and merges.txt");
    await writeFile(path.join(folder, "vocab.json"), JSON.stringify(model.vocab));
    expect(await refusal()).toContain("The tokenizer's files are not complete.");
    const merges = (lines: string[]) => writeFile(path.join(folder, "merges.txt"), ["#version: 0.2", ...lines, ""].join("\n"));
    await merges(model.merges.map((pair) => pair.join(" ")));
    const tokenizer = requireTokenizer(await readModelFolder(folder));
    const expected = JSON.parse(await readFile(path.join(folder, "expected.json"), "utf8"));
    expect([...tokenizer.encode("the boat and the ")]).toEqual(expected.prompt);
    expect(tokenizer.decode([...expected.prompt, ...expected.greedy])).toBe(expected.text);
    const first = requireTokenizer(await readModelFolder(path.join(golden, "gpt2")));
    for (const text of ["Dawn, é and \u{1f30a}<|endoftext|> 12 !", "  the  boats\n"])
      expect([...tokenizer.encode(text)]).toEqual([...first.encode(text)]);
    expect([...tokenizer.specialTokens]).toEqual([["<|endoftext|>", 0]]);
    await merges(["th"]);
    expect(await refusal()).toMatch(/no pair of tokens[\s\S]*merges\.txt, line 2/);
    await merges([]);
    await writeFile(path.join(folder, "vocab.json"), '{"a": -1}');
    expect(await refusal()).toContain("The vocabulary is not valid.");
    await writeFile(path.join(folder, "tokenizer_config.json"), '{"tokenizer_class": "Qwen2Tokenizer"}');
    expect(await refusal()).toContain("not as GPT-2's are");
  });

  it("with a tokenizer of another model is refused", async () => {
    await use("gpt2");
    const network = new Gpt2({ vocabulary: 11, context: 6, width: 8, layers: 1, heads: 2 }, new RandomStream(1, "weights"));
    const { tokenizer } = await readModelFolder(folder);
    await writeModelFolder(folder, { network, tokenizer });
    expect(await refusal()).toContain("The tokenizer has more tokens than the network.");
  });

  it("that is not there, unfinished, cut short or without a shard says so", async () => {
    expect(await refusal()).toContain("There is no model at");
    await use("llama");
    await rename(path.join(folder, "model-00002-of-00002.safetensors"), path.join(folder, "model-00002-of-00002.safetensors.partial"));
    expect(await refusal()).toContain("not downloaded completely");
    await rm(path.join(folder, "model-00002-of-00002.safetensors.partial"));
    expect(await refusal()).toContain("A file of the weights is missing.");
    await rm(path.join(folder, "model.safetensors.index.json"));
    expect(await refusal()).toContain("no weights that can be read");
    await rm(folder, { recursive: true });
    await use("gpt2");
    const file = path.join(folder, "model.safetensors");
    await writeFile(file, (await readFile(file)).subarray(0, -7));
    expect(await refusal()).toContain("The file ends before its last tensor.");
    await writeFile(path.join(folder, "config.json"), "{");
    expect(await refusal()).toContain("The file is not JSON.");
  });
});
