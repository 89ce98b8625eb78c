import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { modelCacheFolder } from "../pretrained/node/index.ts";
import { findHelloModel, HELLO_MODEL } from "./hello.ts";

const golden = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../tests/golden/data/pretrained/gpt2");
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "atelier-hello-"));
  vi.stubEnv("ATELIER_CACHE", path.join(folder, "cache"));
  vi.stubEnv("HF_HUB_OFFLINE", "1");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

it("takes the cache's GPT-2, else the small model and says why, else says what is missing", async () => {
  const asset = path.join(folder, "asset");
  await expect(findHelloModel({ asset })).rejects.toThrow("no small model came with the library");
  await cp(golden, asset, { recursive: true });
  expect(await findHelloModel({ asset })).toMatchObject({ folder: asset, instead: "HF_HUB_OFFLINE forbids to fetch it." });
  const cached = modelCacheFolder(HELLO_MODEL);
  await cp(golden, cached, { recursive: true });
  await writeFile(path.join(cached, "atelier-source.json"), "{}");
  expect(await findHelloModel({ asset })).toEqual({ folder: cached, name: "GPT-2", instead: undefined });
});
