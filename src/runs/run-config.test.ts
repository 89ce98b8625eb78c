import { describe, expect, it } from "vitest";
import { FileError } from "../core/errors.ts";
import { findModel } from "../models/index.ts";
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

  it("names what a run of another version lacks, instead of failing somewhere inside the model", async () => {
    const { codeSize: _, ...config } = vae.presets.smoke.config as Record<string, unknown>;
    const run = await createRun(newRun({ config: { ...config, klWeight: -1 } }), home());
    expect(() => runConfig(run, vae)).toThrow(FileError);
    expect(() => runConfig(run, vae)).toThrow(/codeSize: [\s\S]*klWeight: [\s\S]*atelier models vae/);
    expect(() => runConfig(run, vae)).toThrow(run.folder);
  });
});
