import { describe, expect, it } from "vitest";
import { FileError } from "../core/errors.ts";
import { packageInfo } from "../core/node/package-info.ts";
import { RandomStream } from "../core/random.ts";
import { findModel, models } from "../models/index.ts";
import { createRun } from "./registry.ts";
import { runConfig } from "./run-config.ts";
import { newRun, temporaryHome } from "./testing/make.ts";

const home = temporaryHome();
const vae = findModel("vae");

describe("runConfig", () => {
  it("gives the settings of a run of this version as they are", async () => {
    const run = await createRun(newRun({ config: vae.presets.smoke.config as Record<string, unknown> }), home());
    expect(runConfig(run, vae)).toBe(run.record.config);
  });

  it("lets runs go on that lack settings which came later", async () => {
    for (const record of models.filter(({ later }) => later !== undefined)) {
      const config = Object.fromEntries(Object.entries(record.presets.smoke.config as object).filter(([key]) => !(key in record.later!)));
      const run = await createRun(newRun({ model: record.name, config }), home());
      expect(runConfig(run, record)).toBe(run.record.config);
      record.build(config, new RandomStream(0, "initialisation"));
    }
  });

  it("names what a run of another version lacks, instead of failing somewhere inside the model", async () => {
    const { codeSize: _, ...config } = vae.presets.smoke.config as Record<string, unknown>;
    const run = await createRun(newRun({ config: { ...config, klWeight: -1 } }), home());
    expect(() => runConfig(run, vae)).toThrow(FileError);
    expect(() => runConfig(run, vae)).toThrow(/codeSize: [\s\S]*klWeight: [\s\S]*atelier models vae/);
    expect(() => runConfig(run, vae)).toThrow(run.folder);
  });

  it("names the version that made it where that is another one, and only there", async () => {
    const config = { image: [1, 8, 8] };
    const other = await createRun(newRun({ name: "other", config, versions: { atelier: "0.0.1" } }), home());
    const same = await createRun(newRun({ name: "same", config, versions: { atelier: packageInfo().version } }), home());
    expect(() => runConfig(other, vae)).toThrow(/train it again, or open it with the version that made it \(0\.0\.1\)/);
    expect(() => runConfig(same, vae)).toThrow(/train it again$/);
  });
});
