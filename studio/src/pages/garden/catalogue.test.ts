import { describe, expect, it } from "vitest";
import { RandomStream } from "../../../../src/core/random.ts";
import { models } from "../../../../src/models/index.ts";
import { summary } from "../../../../src/nn/module.ts";
import { abilities, abilitiesOf, gardenModel } from "../../../../src/studio/garden.ts";
import { chosen, shortCount, sizeOf, tryAddress } from "./catalogue.ts";

const all = models.map(gardenModel);
const named = (name: string) => all.find((model) => model.name === name)!;
const names = (wish: Partial<Parameters<typeof chosen>[1]>) =>
  chosen(all, { text: "", family: "", ability: "", ...wish }).map(({ name }) => name);

describe("the garden", () => {
  it("knows what models can do", () => {
    expect(abilitiesOf(models.find(({ name }) => name === "vae")!)).toEqual(
      expect.arrayContaining(["paints", "points", "codes", "reconstructs"]),
    );
    expect(named("conditional-gan").abilities).toContain("asked");
    expect(named("gpt").abilities).toEqual(["writes", "looks"]);
    expect(named("transformer").abilities).toContain("translates");
    expect(named("bert").abilities).toContain("completes");
    expect(named("cnn").abilities).toEqual(["classifies"]);
    expect(named("ddpm").abilities).toEqual(expect.arrayContaining(["paints", "fills", "starts"]));
    for (const ability of Object.keys(abilities)) expect(names({ ability: ability as keyof typeof abilities })).not.toEqual([]);
    for (const { name, abilities: can } of all) expect([name, can.length > 0]).toEqual([name, true]);
  });

  it("is narrowed by family, ability and words", () => {
    expect(names({})).toHaveLength(models.length);
    expect(names({ text: "tidy CODES" })).toEqual(["vae"]);
    expect(names({ text: "GAN", ability: "asked" })).toEqual(["conditional-gan"]);
    expect(names({ family: named("realnvp").family })).toEqual(expect.arrayContaining(["realnvp", "glow", "ffjord"]));
    expect(names({ text: "no such words" })).toEqual([]);
  });

  it("has a data set and words for every preset", () => {
    for (const { name, presets } of all) {
      for (const preset of presets)
        expect([name, preset.name, preset.about !== "", preset.data !== ""]).toEqual([name, preset.name, true, true]);
    }
  });

  it("knows how many numbers every preset holds (node bin/ts.js scripts/studio-assets.ts writes the list)", () => {
    const presets = models.flatMap((record) => Object.entries(record.presets).map(([preset, { config }]) => ({ record, preset, config })));
    const listed = presets.map(({ record, preset }) => sizeOf(record.name, preset));
    expect(presets.filter((_, i) => listed[i] === undefined).map(({ record, preset }) => `${record.name} ${preset}`)).toEqual([]);
    // Large networks take seconds to make and gigabytes to hold.
    const small = presets.filter((_, i) => listed[i]! < 1_000_000);
    const counted = small.map(({ record, preset, config }) => [
      record.name,
      preset,
      summary(record.build(config, new RandomStream(0, "count"))).total,
    ]);
    expect(counted).toEqual(small.map(({ record, preset }) => [record.name, preset, sizeOf(record.name, preset)]));
  });

  it("shortens counts and knows where a run is tried", () => {
    expect([999, 1000, 385_809, 999_600, 124_439_808].map(shortCount)).toEqual(["999", "1 k", "386 k", "1 M", "124 M"]);
    expect(sizeOf("vae", "small")).toBe(385_809);
    expect(sizeOf("vae", "none")).toBeUndefined();
    expect(tryAddress(named("vae"), "vae-001")).toBe("#/generate/vae-001");
  });
});
