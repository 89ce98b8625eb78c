import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { expect, test } from "vitest";
import { decodeSafetensors } from "../../pretrained/safetensors.ts";
import { featureAssets, loadFeatures } from "./feature-assets.ts";

const folder = new URL("../../../assets/", import.meta.url);
const assets = Object.entries(featureAssets());

test("there are some, and together they are small", async () => {
  expect(assets.map(([name]) => name)).toEqual(expect.arrayContaining(["mnist", "fashion-mnist"]));
  expect(assets.reduce((sum, [, { bytes }]) => sum + bytes, 0)).toBeLessThan(2_000_000);
});

test.each(assets)("%s is the file described, and says itself where it is from", async (name, asset) => {
  const bytes = await readFile(new URL(asset.file, folder));
  expect((await stat(new URL(asset.file, folder))).size).toBe(asset.bytes);
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(asset.sha256);
  const { metadata, stored } = decodeSafetensors(bytes, { file: asset.file });
  expect(metadata).toMatchObject({
    name: `atelier-${name}`,
    commands: asset.commands.join("; "),
    seed: asset.seed,
    version: asset.version,
  });
  expect(new Set(stored.values())).toEqual(new Set(["F16"]));
  const loaded = loadFeatures(name);
  expect(loaded.config.outputs).toBe(asset.outputs.length);
  expect(loaded.network.parameterCount).toBeLessThan(150_000);
});

test("the digits' one is as good as it must be", () => {
  expect(featureAssets().mnist.accuracy).toBeGreaterThanOrEqual(0.99);
  expect(featureAssets()["fashion-mnist"].accuracy).toBeGreaterThanOrEqual(0.91);
});

test("an unknown one is refused with the nearest", () => {
  expect(() => loadFeatures("mist")).toThrow('did you mean "mnist"?');
  expect(() => loadFeatures("toString")).toThrow("There is no feature network");
});
