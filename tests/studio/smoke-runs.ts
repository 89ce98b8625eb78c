// Runs of a few steps for the tests of this folder, made by the command line on pictures and texts of their own.
import { writeFile } from "node:fs/promises";
import { Sandbox } from "../end-to-end/harness.ts";

export interface SmokeRuns {
  /** The folder of runs: `vae`, `ddpm`, `gpt`. */
  readonly home: string;
  /** A folder of pictures, 16 x 16, by class. */
  readonly pictures: string;
}

const words = [
  "the tide comes in",
  "the tide goes out",
  "a boat lies in the bay",
  "User: the moon draws the sea",
  "Assistant: salt on the stones",
];

/**
 * Train a VAE and a diffusion model of 8 x 8 pictures and a GPT, three steps each. Call it at the top level of a test file; at its end all is removed.
 * The environment of this process is set so that children find the same folders.
 */
export async function smokeRuns(): Promise<SmokeRuns> {
  const sandbox = await Sandbox.create();
  Object.assign(process.env, sandbox.env);
  const pictures = await sandbox.pictures("pictures", 12);
  const text = sandbox.path("sea.txt");
  await writeFile(text, Array.from({ length: 60 }, (_, i) => words[(i * 7) % words.length]).join("\n"));
  const train = async (model: string, data: string, ...more: string[]) => {
    const { code, err } = await sandbox.inside([
      "train",
      model,
      "--preset",
      "smoke",
      "--data",
      data,
      "--steps",
      "3",
      "--run",
      model,
      ...more,
    ]);
    if (code !== 0) throw new Error(err);
  };
  await train("vae", pictures);
  await train("ddpm", pictures);
  await train("gpt", text, "--set", "context=64");
  return { home: sandbox.home, pictures };
}
