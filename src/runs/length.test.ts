import { expect, test } from "vitest";
import { defaultTraining, findModel } from "../models/index.ts";
import { saveCheckpoint } from "./checkpoint.ts";
import { otherLength } from "./length.ts";
import { createRun } from "./registry.ts";
import { newRun, temporaryHome } from "./testing/make.ts";

const home = temporaryHome();
const vqVae = findModel("vq-vae");
const tensors = { x: { dtype: "float32" as const, shape: [1], data: Float32Array.of(1) } };

/** A run of 100 steps, half of them the autoencoder's, whose last checkpoint stands at `step`. */
async function runAt(step: number, training: object = { steps: 100 }, model = vqVae) {
  const { config } = model.presets.smoke;
  const given = { model: model.name, config: config as Record<string, unknown>, training: { ...defaultTraining, batch: 16, ...training } };
  const run = await createRun(newRun(given), home());
  if (step > 0) await saveCheckpoint(run, { tensors, state: {}, step });
  return run;
}

test("borders of phases move with the run's end while no phase that is over comes back", async () => {
  for (const [step, steps] of [
    [0, 400],
    [49, 400],
    [100, 80],
    [60, 110],
  ]) {
    const { training, note } = await otherLength(await runAt(step), vqVae, 640, { steps });
    expect(note).toBeUndefined();
    expect(training).toMatchObject({ steps, phaseSteps: undefined });
  }
});

test("they stay where one would come back, and the user is told which they are", async () => {
  const run = await runAt(100);
  const { training, note } = await otherLength(run, vqVae, 640, { steps: 400 });
  expect(training).toMatchObject({ steps: 400, phaseSteps: 100 });
  expect(note).toContain("autoencoder steps 1 to 50, prior from step 51 on");
  await run.update({ training });
  const again = await otherLength(run, vqVae, 640, { steps: 4000 });
  expect(again.training).toMatchObject({ steps: 4000, phaseSteps: 100 });
});

test("of epochs they are counted too, and models without phases are left alone", async () => {
  // 640 pictures in batches of 16: 40 steps an epoch.
  const { training } = await otherLength(await runAt(80, { epochs: 2 }), vqVae, 640, { epochs: 10 });
  expect(training).toMatchObject({ epochs: 10, phaseSteps: 80 });
  const vae = findModel("vae");
  const { note } = await otherLength(await runAt(100, {}, vae), vae, 640, { steps: 1000 });
  expect(note).toBeUndefined();
});
