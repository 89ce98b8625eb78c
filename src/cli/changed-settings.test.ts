import { describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import { findModel } from "../models/index.ts";
import { namedParameters } from "../nn/module.ts";
import type { LoadedModel } from "../runs/load.ts";
import { withSettings } from "./changed-settings.ts";

const record = findModel("vae");
const config = record.presets.smoke.config as Record<string, unknown>;

function loaded(): LoadedModel {
  return { record, config, network: record.build(config, new RandomStream(3, "init")), step: 1, hash: "" };
}

describe("withSettings", () => {
  it("changes what metrics read and keeps the weights", () => {
    const before = loaded();
    const after = withSettings(before, ["importanceSamples=50"]);
    expect(after.config).toEqual({ ...config, importanceSamples: 50 });
    const values = (model: LoadedModel) => [...namedParameters(model.network)].map(([name, { data }]) => [name, data]);
    expect(values(after)).toEqual(values(before));
    expect(withSettings(before, [])).toBe(before);
  });

  it("refuses settings of another network, and unknown ones", () => {
    expect(() => withSettings(loaded(), ["codeSize=3"])).toThrow(UsageError);
    expect(() => withSettings(loaded(), ["codeSize=3"])).toThrow(/another network/);
    expect(() => withSettings(loaded(), ["importanceSample=3"])).toThrow(/importanceSamples/);
  });
});
