import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isCached, isModelName, modelCacheFolder, modelFolder, pullModel } from "./hub.ts";
import { readModelFolder } from "./model-folder.ts";

const golden = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../../tests/golden/data/pretrained");
const commit = "0123456789abcdef0123456789abcdef01234567";

let cache: string;
let server: Server;
let endpoint: string;
/** The model's files; tests change them. */
let files: Map<string, Buffer>;
/** What was asked for, in order. */
let asked: { url: string; range: string | undefined; token: string | undefined }[];
/** Bytes of large files after which the connection is cut. */
let cutAfter: number | undefined;
let ranges = true;

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { url = "", headers } = request;
  asked.push({ url, range: headers.range, token: headers.authorization });
  if (url.startsWith("/api/models/org/tiny/revision/main")) {
    const siblings = [...files].map(([rfilename, bytes]) => ({
      rfilename,
      size: bytes.length,
      blobId: createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex"),
      ...(rfilename.endsWith(".safetensors")
        ? { lfs: { sha256: createHash("sha256").update(bytes).digest("hex"), size: bytes.length } }
        : {}),
    }));
    response.setHeader("content-type", "application/json").end(JSON.stringify({ sha: commit, siblings }));
    return;
  }
  const bytes = files.get(url.replace(`/org/tiny/resolve/${commit}/`, ""));
  if (bytes === undefined) {
    response.writeHead(url.includes("secret") ? 401 : 404).end();
    return;
  }
  const start = ranges ? Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0) : 0;
  response.writeHead(start > 0 ? 206 : 200, { "content-length": bytes.length - start });
  if (cutAfter !== undefined && bytes.length > 2 * cutAfter)
    response.write(bytes.subarray(start, start + cutAfter), () => setTimeout(() => response.destroy(), 30));
  else response.end(bytes.subarray(start));
}

beforeEach(async () => {
  cache = await mkdtemp(path.join(tmpdir(), "atelier-hub-"));
  vi.stubEnv("ATELIER_CACHE", cache);
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubEnv("HF_ENDPOINT", `${endpoint}/`);
  vi.stubEnv("HF_TOKEN", "hf_secret");
  [asked, cutAfter, ranges] = [[], undefined, true];
  const folder = path.join(golden, "llama");
  const names = (await readdir(folder)).filter((name) => name !== "expected.json");
  files = new Map(await Promise.all(names.map(async (name) => [name, await readFile(path.join(folder, name))] as const)));
  files.set("README.md", Buffer.from("not fetched"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(cache, { recursive: true, force: true });
});

const message = (promise: Promise<unknown>) => promise.then(String, (error: Error) => error.message);

describe("a model from the hub", () => {
  it("is fetched with its shards, the token sent, and read; the second time without the network", async () => {
    const folder = await modelFolder("org/tiny");
    expect(folder).toBe(modelCacheFolder("org/tiny"));
    expect((await readModelFolder(folder)).kind).toBe("llama");
    expect(asked.every(({ token }) => token === "Bearer hf_secret")).toBe(true);
    expect(asked.some(({ url }) => url.endsWith("README.md"))).toBe(false);
    expect(JSON.parse(await readFile(path.join(folder, "atelier-source.json"), "utf8"))).toMatchObject({ commit, model: "org/tiny" });
    const before = asked.length;
    await modelFolder("org/tiny");
    expect(asked.length).toBe(before);
  });

  it("comes with vocab.json and merges.txt only where it has no tokenizer of its own", async () => {
    files.set("vocab.json", Buffer.from("{}"));
    files.set("merges.txt", Buffer.from("#version: 0.2"));
    const pieces = () => asked.filter(({ url }) => /vocab\.json|merges\.txt/.test(url)).length;
    await pullModel("org/tiny");
    expect(pieces()).toBe(0);
    await rm(modelCacheFolder("org/tiny"), { recursive: true });
    files.delete("tokenizer.json");
    await pullModel("org/tiny");
    expect(pieces()).toBe(2);
  });

  it("goes on where the connection was cut, and is not taken for complete before", async () => {
    cutAfter = 5000;
    const told = await message(pullModel("org/tiny"));
    expect(told).toContain("connection ended");
    expect(told).toContain("goes on from there");
    const folder = modelCacheFolder("org/tiny");
    const shard = "model-00001-of-00002.safetensors";
    expect((await stat(path.join(folder, `${shard}.partial`))).size).toBe(5000);
    expect(await isCached("org/tiny")).toBe(false);
    expect(await message(readModelFolder(folder))).toContain("not downloaded completely");
    cutAfter = undefined;
    asked = [];
    await pullModel("org/tiny");
    expect(asked.find(({ url }) => url.endsWith(shard))?.range).toBe("bytes=5000-");
    // What was there already is not fetched again.
    expect(asked.some(({ url }) => url.endsWith("config.json"))).toBe(false);
    expect((await readModelFolder(folder)).kind).toBe("llama");
  });

  it("starts again where the server knows no ranges", async () => {
    cutAfter = 5000;
    await message(pullModel("org/tiny"));
    [cutAfter, ranges] = [undefined, false];
    expect((await readModelFolder(await pullModel("org/tiny"))).kind).toBe("llama");
  });

  it("whose bytes are not those announced is refused, and nothing of the file is kept", async () => {
    const folder = modelCacheFolder("org/tiny");
    const shard = "model-00002-of-00002.safetensors";
    await pullModel("org/tiny");
    await rm(folder, { recursive: true });
    const right = files.get(shard)!;
    const wrong = Buffer.from(right);
    wrong[100] ^= 1;
    // The listing is made of the right bytes, the answer of the wrong ones.
    const original = files;
    files = new Map(original);
    server.removeAllListeners("request");
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      files = new Map(original).set(shard, request.url?.startsWith("/api") ? right : wrong);
      answer(request, response);
    });
    expect(await message(pullModel("org/tiny"))).toContain("is not the one expected");
    expect(await readdir(folder)).not.toContain(`${shard}.partial`);
    expect(await isCached("org/tiny")).toBe(false);
  });

  it("without weights in safetensors, unknown, private, or with an impossible name says so", async () => {
    expect(await message(pullModel("org/none"))).toContain("404");
    expect(await message(pullModel("org/secret"))).toContain("HF_TOKEN");
    expect(await message(pullModel("../etc"))).toContain("not the name of a model");
    expect(await message(modelFolder("./nowhere/at/all"))).toContain("no such folder");
    files = new Map([["pytorch_model.bin", Buffer.from("x")]]);
    expect(await message(pullModel("org/tiny"))).toContain("no weights in safetensors");
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    asked = [];
    for (const fetched of [modelFolder, pullModel]) expect(await message(fetched("org/tiny"))).toMatch(/HF_HUB_OFFLINE.*try:/s);
    expect(asked).toEqual([]);
    vi.stubEnv("HF_HUB_OFFLINE", "");
    server.closeAllConnections();
    vi.stubEnv("HF_ENDPOINT", "http://127.0.0.1:9");
    expect(await message(pullModel("org/tiny"))).toContain("Could not reach the hub");
  });

  it("that is fetched anew is not taken for complete while its files are of two commits", async () => {
    const folder = await pullModel("org/tiny");
    files.set("config.json", Buffer.concat([files.get("config.json")!, Buffer.from("\n")]));
    server.removeAllListeners("request");
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      if (request.url?.endsWith("model.safetensors.index.json")) response.writeHead(500).end();
      else answer(request, response);
    });
    files.set("model.safetensors.index.json", Buffer.concat([files.get("model.safetensors.index.json")!, Buffer.from("\n")]));
    expect(await message(pullModel("org/tiny"))).toContain("500");
    expect((await readdir(folder)).some((name) => name.endsWith(".partial"))).toBe(false);
    expect(await isCached("org/tiny")).toBe(false);
  });

  it("asked for with a token that no header can carry: the token is not told; blanks around it are nothing", async () => {
    vi.stubEnv("HF_TOKEN", "hf_se\ncret");
    const told = await message(pullModel("org/tiny"));
    expect(told).not.toContain("cret");
    expect(told).toContain("HF_TOKEN");
    vi.stubEnv("HF_TOKEN", "hf_secret\n");
    await pullModel("org/tiny");
    expect(asked.every(({ token }) => token === "Bearer hf_secret")).toBe(true);
  });

  it("is named, not pathed", async () => {
    expect(["gpt2", "openai-community/gpt2", "a.b/c-d_e"].map(isModelName)).toEqual([true, true, true]);
    expect(["../x", "a/b/c", "/x", "a/../b", "a..b", ""].map(isModelName)).toEqual([false, false, false, false, false, false]);
    await writeFile(path.join(cache, "file"), "");
    expect(await message(modelFolder(path.join(cache, "file")))).toContain("no such folder");
  });
});
