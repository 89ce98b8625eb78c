import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { RandomStream } from "../core/random.ts";
import type { DecoderNetwork } from "../nn/decoder.ts";
import { Lora } from "../nn/lora.ts";
import { modelCacheFolder, readModelFolder, writeAdapterFolder } from "../pretrained/node/index.ts";
import { generateFromFolder, textFolder } from "./generate-folder.ts";
import { main } from "./main.ts";
import { capturedIo } from "./testing/captured-io.ts";

const golden = fileURLToPath(new URL("../../tests/golden/data/pretrained/gpt2", import.meta.url));

let place: string;
beforeEach(async () => {
  place = await mkdtemp(path.join(tmpdir(), "atelier-generate-"));
  vi.stubEnv("ATELIER_CACHE", place);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(place, { recursive: true, force: true });
});

async function written(folder: string, options: object = {}): Promise<string> {
  const io = capturedIo();
  await generateFromFolder(folder, { prompt: "the boat", tokens: 5, seed: "0", temperature: 0, device: "cpu", ...options }, io, false);
  return io.out();
}

it("an adapter's folder writes as its model with the adapter merged, and beams end where the model ends", async () => {
  const { network } = await readModelFolder(golden);
  const lora = Lora.create(network, { rank: 2, targets: ["c_attn"] }, new RandomStream(0, "lora"));
  const adapter = path.join(place, "tuned");
  await writeAdapterFolder(adapter, lora, network, golden);
  expect(await textFolder(adapter)).toBe(adapter);
  expect(await written(adapter)).toBe(await written(golden));
  expect(await written(adapter, { temperature: undefined, beams: 2, count: 2 })).toMatch(/^the boat.*\nthe boat.*\n$/);
  const { context } = (network as unknown as DecoderNetwork).decoder;
  for (const more of [{}, { temperature: undefined, beams: 2 }])
    await expect(written(golden, { prompt: "the boat ".repeat(context), ...more })).rejects.toThrow(
      "does not fit into the model's context",
    );
});

it("names mean folders of models, models of the hub, or neither", async () => {
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  expect(await textFolder(golden)).toBe(golden);
  expect(await textFolder(place)).toBeUndefined();
  expect(await textFolder("tiny-001")).toBeUndefined();
  await expect(textFolder("org/tiny")).rejects.toThrow(/no folder "org\/tiny" here.*HF_HUB_OFFLINE.*try:/s);
  await cp(golden, modelCacheFolder("org/tiny"), { recursive: true });
  await writeFile(path.join(modelCacheFolder("org/tiny"), "atelier-source.json"), "{}");
  expect(await textFolder("org/tiny")).toBe(modelCacheFolder("org/tiny"));
});

it("alternatives of tokens come as JSON, too; options of pictures are refused", async () => {
  const io = capturedIo();
  await generateFromFolder(golden, { prompt: "the boat", tokens: 3, seed: "0", temperature: 0, device: "cpu", showTop: 2 }, io, true);
  const [{ top }] = JSON.parse(io.out()).texts;
  expect(top).toHaveLength(3);
  for (const { token, likeliest } of top) {
    expect(likeliest[0].token).toBe(token);
    expect(likeliest[0].probability).toBeGreaterThanOrEqual(likeliest[1].probability);
  }
  const other = capturedIo();
  expect(await main(["generate", golden, "--frames", "x.png", "--label", "3"], other)).toBe(2);
  expect(other.err()).toContain("--label, --frames");
});
