import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { modelCacheFolder } from "../pretrained/node/index.ts";
import { assetsFolder, findHelloModel, HELLO_BYTES, HELLO_MODEL, readHelloAsset } from "../runs/hello.ts";
import { makeHelloAsset } from "../runs/hello-asset.ts";
import { openRun } from "../runs/registry.ts";
import { openBackend } from "../runtime/node/open.ts";
import { sayHello } from "./hello.ts";
import { main } from "./main.ts";
import { capturedIo } from "./testing/captured-io.ts";

const golden = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../tests/golden/data/pretrained/gpt2");
let folder: string;
let assets: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "atelier-hello-"));
  assets = path.join(folder, "assets");
  await mkdir(assets);
  vi.stubEnv("ATELIER_CACHE", path.join(folder, "cache"));
  vi.stubEnv("ATELIER_HOME", path.join(folder, "runs"));
  vi.stubEnv("HF_HUB_OFFLINE", "1");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const options = { prompt: "Once upon a time", tokens: 12, temperature: 0.8, topP: 0.9, seed: "0" };

async function hello(found: Parameters<typeof sayHello>[0], json = false): Promise<string> {
  const io = capturedIo();
  await sayHello(found, options, io, json);
  return io.out();
}

/** A run of a few steps on a rhyme. */
async function trainedRun(preset: string, ...more: string[]) {
  const text = path.join(folder, "rhyme.txt");
  await writeFile(text, "Once upon a time the cat sat on the mat, and the hen sat in the pen.\n".repeat(60));
  const io = capturedIo();
  const words = ["train", "llama", "--preset", preset, "--data", text, "--run", "small", "--steps", "3", "--json", ...more];
  expect([await main(words, io), io.err()]).toEqual([0, ""]);
  return await openRun("small");
}

describe("hello", () => {
  it("takes the cache's GPT-2, whatever comes with the library", async () => {
    const cached = modelCacheFolder(HELLO_MODEL);
    await cp(golden, cached, { recursive: true });
    await writeFile(path.join(cached, "atelier-source.json"), "{}");
    const found = await findHelloModel({ assets });
    expect(found).toEqual({ folder: cached, name: "GPT-2", instead: undefined });
    expect(await hello(found)).toMatch(/^Once upon a time./);
  });

  it("refuses a share of the likeliest tokens that is none", async () => {
    const io = capturedIo();
    expect(await main(["hello", "--small", "--top-p", "2"], io)).toBe(2);
    expect(io.err()).toContain("--top-p");
  });

  it("says what is missing where there is no network and no small model", async () => {
    await expect(findHelloModel({ assets })).rejects.toThrow("no small model came with the library. HF_HUB_OFFLINE forbids");
    await expect(findHelloModel({ assets, small: true })).rejects.toThrow("The small model did not come with the library.");
    vi.stubEnv("HF_HUB_OFFLINE", "");
    const hub = { endpoint: "http://127.0.0.1:9", token: undefined };
    await expect(findHelloModel({ assets, hub })).rejects.toThrow(/Could not reach the hub[\s\S]*connect to the network/);
  });

  it("writes with the small model that is made of a run, and says why it is not GPT-2", async () => {
    const run = await trainedRun("smoke", "--set", "context=40");
    await writeFile(path.join(assets, "manifest.json"), '{ "features": { "mnist": 1 } }');
    const about = await makeHelloAsset(run, await openBackend({ device: "cpu" }), assets);
    expect(about.commands).toEqual([expect.stringMatching(/^atelier.* --run small$/), "node bin/ts.js scripts/hello-asset.ts small"]);
    expect(about.perplexity).toBeGreaterThan(1);
    expect(about.bitsPerByte).toBeCloseTo(Math.log2(about.perplexity), 3);
    const manifest = JSON.parse(await readFile(path.join(assets, "manifest.json"), "utf8"));
    expect(manifest).toEqual({ features: { mnist: 1 }, hello: about });

    const found = await findHelloModel({ assets });
    expect(found).toEqual({
      folder: path.join(assets, "hello"),
      name: "the small model of the library",
      instead: "HF_HUB_OFFLINE forbids to fetch it.",
    });
    const long = capturedIo();
    await sayHello(found, { ...options, tokens: 500 }, long, false);
    expect([long.out().startsWith("Once upon a time"), long.err()]).toEqual([
      true,
      "note: the model's context of 40 tokens leaves room for 24\n",
    ]);
    expect(JSON.parse(await hello(found, true))).toMatchObject({
      model: "the small model of the library",
      instead: found.instead,
      prompt: options.prompt,
    });
    expect(await findHelloModel({ assets, small: true })).toMatchObject({ instead: undefined });

    await writeFile(path.join(assets, "hello", "tokenizer.json"), "{}");
    await expect(findHelloModel({ assets })).rejects.toThrow("not the one that was made");
    await rm(path.join(assets, "hello", "tokenizer.json"));
    await expect(findHelloModel({ assets })).rejects.toThrow("cannot be read");
    await writeFile(path.join(assets, "manifest.json"), '{ "hello": {} }');
    await expect(readHelloAsset(assets)).rejects.toThrow("is damaged");
  });

  it("refuses to make one of a model that is too large or does not write", async () => {
    const run = await trainedRun("smoke", "--set", "width=320", "--set", "layers=8");
    await expect(makeHelloAsset(run, await openBackend({ device: "cpu" }), assets)).rejects.toThrow("too large to come with the library");
    expect(await readHelloAsset(assets)).toBeUndefined();
  });
});

const own = await readHelloAsset().catch((error: unknown) => error as Error);

describe("the small model that comes with the library", () => {
  it("is the one described, small enough, and writes", async () => {
    if (own instanceof Error || own === undefined) throw own ?? new Error("there is none");
    const sizes = await Promise.all(Object.keys(own.about.files).map(async (name) => (await stat(path.join(own.folder, name))).size));
    expect(sizes).toEqual(Object.values(own.about.files).map(({ bytes }) => bytes));
    expect(sizes.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(HELLO_BYTES);
    expect(own.folder).toBe(path.join(assetsFolder, "hello"));
    expect(await hello({ folder: own.folder, name: "small", instead: undefined })).toMatch(/^Once upon a time[\s\S]{10,}/);
  });
});
