import { expect, it } from "vitest";
import type { RunDetail } from "../../../../src/studio/training.ts";
import { comparedRows } from "./rows.ts";

const run = (changes: Partial<RunDetail>): RunDetail => ({
  ...{ name: "a", state: "finished", model: "vae", preset: "small", data: "mnist", seed: "0", created: null, step: 1, totalSteps: 1 },
  ...{ stepSeconds: 1, can: [], title: null, device: "cpu", versions: {}, command: [], checkpoints: [], notes: [], predicted: null },
  ...{ parameters: 1, card: null, config: { widths: [16, 32], codeSize: 8 }, training: { batch: 64 } },
  metrics: { elbo: { unit: "nats", better: "higher", about: "" } },
  results: { elbo: -100 },
  ...changes,
});

it("marks what differs, and who is best where that is known", () => {
  const rows = comparedRows([run({}), run({ config: { widths: [16, 64], codeSize: 8 }, results: { elbo: -90, other: 1 } })]);
  expect(rows.filter(({ differs }) => differs).map(({ key, values, best }) => [key, ...values, best])).toEqual([
    ["widths", [16, 32], [16, 64], undefined],
    ["elbo", -100, -90, 1],
    ["other", undefined, 1, undefined],
  ]);
  expect(rows.find(({ key }) => key === "batch")).toMatchObject({ group: "training", differs: false });
  expect(comparedRows([run({}), run({})]).some(({ differs, best }) => differs || best !== undefined)).toBe(false);
});
