// What takes long to come about, written as the studio finds it: a leaderboard, an evaluation, uploaded data.
import { cp, mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { encodePng } from "../../src/report/png.ts";
import type { EvaluationReport, Figure } from "../../src/studio/evaluation.ts";

/** The leaderboard `board` with two lines, and one that never came to its measures. @param home the folder of runs */
export async function writeBoard(home: string): Promise<void> {
  const folder = path.join(home, ".board");
  await mkdir(path.join(folder, "samples", "vae"), { recursive: true });
  const settings = { data: "mnist", image: [1, 8, 8], minutes: 1, samples: 12, seed: "0", features: "mnist" };
  await writeFile(path.join(folder, "board.json"), JSON.stringify({ format: 1, settings }));
  await writeFile(path.join(folder, "samples", "vae", "0000.bin"), new Uint8Array(12 * 64).fill(120));
  for (const [name, kd, parameters] of [
    ["vae", 0.5, 200],
    ["dcgan", 0.2, 900],
  ] as const) {
    const row = {
      ...{ name, model: name, title: name, family: "any", run: `board-${name}`, shape: [1, 8, 8], parameters, notes: [] },
      ...{ training: { seconds: 60 }, sampling: { secondsPerPicture: 0.001 }, measures: { kd: { value: kd, error: 0.01, real: 0 } } },
    };
    await writeFile(path.join(folder, `${name}.json`), JSON.stringify({ name, drawn: [], row }));
  }
  await writeFile(path.join(folder, "glow.json"), JSON.stringify({ name: "glow", drawn: [] }));
}

/** An evaluation of a run with all that one can have; a damaged one beside it. */
export async function writeEvaluation(home: string, run: string): Promise<void> {
  const folder = path.join(home, run, "evaluations");
  await mkdir(folder, { recursive: true });
  const id = "20260101T000000Z";
  const figure = (name: string): Figure => ({
    name,
    value: 1.5,
    error: 0.1,
    real: 1,
    unit: "nats",
    better: "lower",
    about: "what it means",
  });
  const pairs = [0, 1].map((sample) => ({
    ...{ sample, ownDistance: 1, heldShare: 0.2 * sample, flagged: sample === 0 },
    neighbours: [{ index: 3, distance: 0.5 }],
  }));
  const report: EvaluationReport = {
    ...{ format: 1, id, created: "2026-01-01T00:00:00.000Z", run, model: "vae", step: 3, checkpoint: "0", data: "shapes", count: 10 },
    ...{ noun: "pictures", order: { samples: 12, distances: true, seed: "0" }, seconds: 1, samples: 12, features: "atelier-mnist" },
    ...{ metrics: [figure("elbo")], estimates: [figure("logZ")], measures: [figure("kd")], reference: { heldOut: 10, training: 90 } },
    labelAccuracy: { accuracy: 0.9, error: 0.01 },
    found: { classifier: "atelier-mnist", rows: [{ name: "left", count: 12, right: 0.9 }], covered: 1, confidence: 0.9 },
    closest: {
      pairs,
      flagged: 1,
      heldQuantiles: [0, 0.01, 0.1, 0.5, 0.9, 1].map((share) => [share, share]),
      width: 8,
      height: 8,
      columns: 2,
    },
    modes: { hit: 2, count: 2, each: [5, 7] },
  };
  await writeFile(path.join(folder, `${id}.json`), JSON.stringify(report));
  await writeFile(path.join(folder, `${id}.png`), encodePng({ width: 16, height: 16, channels: 1, data: new Uint8Array(256).fill(90) }));
  await writeFile(path.join(folder, "20260102T000000Z.json"), "{");
}

/** A folder of pictures by class as the uploaded data set `own:shapes`. */
export async function writeUpload(home: string, pictures: string): Promise<void> {
  const folder = path.join(home, ".uploads", "shapes");
  await cp(pictures, path.join(folder, "shapes"), { recursive: true });
  const about = { format: 1, kind: "pictures", created: "2026-01-01T00:00:00Z", files: 24, bytes: 10_000, classes: ["left", "right"] };
  await writeFile(path.join(folder, "about.json"), JSON.stringify({ ...about, attributes: [], notes: ["a note"] }));
}
