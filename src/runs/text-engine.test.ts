import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../core/random.ts";
import type { Finish, TextEngine } from "../generation/engine.ts";
import { findModel } from "../models/index.ts";
import { WriterEngine } from "../play/writer-engine.ts";
import type { Backend } from "../runtime/backend.ts";
import { openBackend } from "../runtime/node/open.ts";
import { plainChatTemplate } from "../tokenizers/chat/template.ts";
import { learnTokenizer } from "../tokenizers/learn.ts";
import { engineOf, type LoadedText, openTextEngine } from "./text-engine.ts";

const golden = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../tests/golden/data");
let backend: Backend;
let folder: string;
beforeAll(async () => {
  backend = await openBackend();
  folder = await mkdtemp(path.join(tmpdir(), "atelier-text-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(
  engine: TextEngine,
  request: Partial<Parameters<TextEngine["generate"]>[0]> = {},
): Promise<Finish & { ids: number[] }> {
  const ids: number[] = [];
  const tokens = engine.generate({ prompt: Int32Array.of(3, 4), maxTokens: 6, ...request });
  for (let next = await tokens.next(); ; next = await tokens.next()) {
    if (next.done) return { ...next.value, ids };
    ids.push(next.value.id);
  }
}

describe("a folder", () => {
  it.each(["gpt2", "llama", "llama3", "qwen2"])("of %s writes what the reference library writes", async (name) => {
    const place = path.join(golden, "pretrained", name);
    const { prompt, greedy } = JSON.parse(await readFile(path.join(place, "expected.json"), "utf8")) as Record<
      "prompt" | "greedy",
      number[]
    >;
    const { engine } = await openTextEngine(place, { backend });
    const { ids } = await write(engine, { prompt: Int32Array.from(prompt), maxTokens: greedy.length });
    expect(ids.length).toBeGreaterThan(0);
    expect(ids).toEqual(greedy.slice(0, ids.length));
    await engine.close();
  });
});

describe("a name", () => {
  it("is a folder, with an adapter, or an adapter's folder that names its base", async () => {
    const base = path.join(folder, "gpt2");
    const adapter = path.join(folder, "tuned");
    await cp(path.join(golden, "pretrained", "gpt2"), base, { recursive: true });
    await cp(path.join(golden, "lora", "gpt2"), adapter, { recursive: true });
    const plain = await openTextEngine(base, { backend, slots: 2 });
    expect([plain.name, plain.engine.context, plain.engine.slots, plain.template.stops]).toEqual(["gpt2", 48, 2, ["\nUser:"]]);
    const first = await write(plain.engine);
    await plain.engine.close();
    const given = await openTextEngine(base, { backend, adapter });
    const changed = await write(given.engine);
    expect(changed.ids).not.toEqual(first.ids);
    await given.engine.close();
    await expect(openTextEngine(adapter, { backend })).rejects.toThrow("belongs to is not there");
    await cp(base, path.join(adapter, "gpt2"), { recursive: true });
    const named = await openTextEngine(adapter, { backend });
    expect(named.name).toBe("tuned");
    expect((await write(named.engine)).ids).toEqual(changed.ids);
    await named.engine.close();
  });

  it("may bring a template for chats", async () => {
    const base = path.join(folder, "chatty");
    await cp(path.join(golden, "pretrained", "llama"), base, { recursive: true });
    const config = {
      bos_token: { content: "<s>" },
      eos_token: "</s>",
      chat_template: [{ name: "default", template: "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}" }],
    };
    await writeFile(path.join(base, "tokenizer_config.json"), JSON.stringify(config));
    const { template, engine } = await openTextEngine(base, { backend });
    expect(template.render([{ role: "user", content: "hi" }])).toBe("<s>hi</s>");
    await writeFile(path.join(base, "chat_template.jinja"), "{{ messages[0].role }}");
    const own = await openTextEngine(base, { backend });
    expect(own.template.render([{ role: "user", content: "hi" }])).toBe("user");
    await Promise.all([engine.close(), own.engine.close()]);
    await writeFile(path.join(base, "tokenizer_config.json"), "{");
    await expect(openTextEngine(base, { backend })).rejects.toThrow();
  });

  it("that nothing has is refused", async () => {
    await expect(openTextEngine(path.join(folder, "nobody"), { backend })).rejects.toThrow("no run");
  });
});

it.each(["seq2seq", "transformer", "bert"])("a model that continues no texts is refused: %s", async (name) => {
  const record = findModel(name);
  const tokenizer = learnTokenizer("char", ["abcdefgh"]);
  const network = record.build(record.presets.smoke.config, new RandomStream(0, "weights"));
  const model = { record, config: record.presets.smoke.config, network } as unknown as LoadedText["model"];
  const loaded = {
    name,
    folder,
    network,
    tokenizer,
    template: plainChatTemplate(tokenizer),
    endTokens: undefined,
    ...(model && { model }),
  };
  await expect(engineOf(loaded, { backend })).rejects.toThrow("does not continue texts");
});

describe("a recurrent model", () => {
  it("with a larger vocabulary than its tokenizer writes no id without a token", async () => {
    const record = findModel("lstm");
    const tokenizer = learnTokenizer("char", ["abcdefgh"]);
    const config = { ...(record.presets.smoke.config as object), vocabulary: 4 * tokenizer.vocabularySize };
    const network = record.build(config, new RandomStream(0, "weights"));
    const engine = await WriterEngine.open({ record, config, network, backend }, tokenizer, "lstm");
    const { ids } = await write(engine, { maxTokens: 60, sampling: { temperature: 5, seed: 1 } });
    expect(ids.length).toBe(60);
    expect(Math.max(...ids)).toBeLessThan(tokenizer.vocabularySize);
    await engine.close();
  });

  it("writes one text after the other, with all filters", async () => {
    const record = findModel("lstm");
    const tokenizer = learnTokenizer("char", ["abcdefgh"]);
    const config = { ...(record.presets.smoke.config as object), vocabulary: tokenizer.vocabularySize };
    const network = record.build(config, new RandomStream(0, "weights"));
    const engine = await WriterEngine.open({ record, config, network, backend }, tokenizer, "lstm");
    const sampling = { temperature: 1, seed: 5 };
    const [a, b] = await Promise.all([write(engine, { sampling }), write(engine, { sampling })]);
    expect(a).toMatchObject({ reason: "length", promptTokens: 2, completionTokens: 6 });
    expect(a.ids).toEqual(b.ids);
    const one = await write(engine, { sampling: { temperature: 5, topK: 1 } });
    expect(one.ids).toEqual((await write(engine)).ids);
    await expect(write(engine, { maxTokens: 5000 })).rejects.toThrow("do not fit the context");
    expect(await write(engine, { signal: AbortSignal.abort() })).toMatchObject({ reason: "cancelled", ids: [] });
    expect(engine.stats()).toEqual({ active: 0, waiting: 0, tokens: 24 });
    await engine.close();
  });
});
