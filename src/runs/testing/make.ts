import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach } from "vitest";
import type { NewRun } from "../registry.ts";

/** A fresh folder for each test of a file, removed after it. */
export function temporaryHome(): () => string {
  let home = "";
  beforeEach(() => {
    home = mkdtempSync(path.join(tmpdir(), "atelier-runs-"));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));
  return () => home;
}

/** A valid description of a new run. */
export function newRun(changes: Partial<NewRun> = {}): NewRun {
  return {
    model: "vae",
    preset: "small",
    config: { image: [1, 32, 32], codeSize: 16, klWeight: 1 },
    training: { epochs: 1, batch: 128 },
    seed: "1",
    data: { name: "fashion-mnist", integrity: "sha512-made-up" },
    versions: { atelier: "0.1.0", node: "20.19.0" },
    device: "cpu",
    command: ["train", "vae"],
    ...changes,
  };
}
