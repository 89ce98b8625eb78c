import path from "node:path";
import type { Command } from "commander";
import { UsageError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/node/files.ts";
import { showActivity } from "./activity.ts";
import { checkDevice, wholeNumber } from "./options.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface GenerateOptions {
  count: number;
  seed: string;
  out?: string;
  device: string;
}

export const verb: Verb = {
  name: "generate",
  summary: "Make new pictures with a trained run",
  register(program, io) {
    addCommand(program, "generate", verb.summary)
      .argument("<run>", "a run's name or folder")
      .option("--count <n>", "how many", wholeNumber(1), 16)
      .option("--seed <seed>", "the same seed makes the same pictures", "0")
      .option("--out <file>", "where to (default: RUN-seed-SEED.png in the current folder)")
      .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu")
      .action((run: string, options: GenerateOptions, command: Command) => generate(run, options, io, wantsJson(command)));
  },
};

async function generate(name: string, options: GenerateOptions, io: Io, json: boolean): Promise<void> {
  checkDevice(options.device);
  const { openRun } = await import("../runs/registry.ts");
  const { loadModel } = await import("../runs/load.ts");
  const { drawSamples, gridColumns } = await import("../runs/pictures.ts");
  const { imageGrid } = await import("../report/grid.ts");
  const { encodePng } = await import("../report/png.ts");
  const { openDevice } = await import("./device.ts");
  const run = await openRun(name);
  const { record, config, network, hash, step } = await loadModel(run, (text) => io.stderr.write(`warning: ${text}\n`));
  if (record.sample === undefined) throw cannot(record, "generate");
  const activity = showActivity(io, json);
  const backend = await openDevice(options.device, io, activity.onProgress).finally(activity.end);
  const pictures = await drawSamples({ record, config, network, backend }, options.count, options.seed);
  const raster = imageGrid(pictures, { columns: gridColumns(options.count), scale: Math.max(1, Math.round(64 / pictures.shape[2])) });
  const file = path.resolve(options.out ?? `${run.name}-seed-${options.seed}.png`);
  const about = {
    Software: "atelier",
    run: run.name,
    model: record.name,
    checkpoint: hash,
    step: String(step),
    seed: options.seed,
    count: String(options.count),
  };
  await writeFileAtomic(file, encodePng(raster, about));
  if (json) printJson(io, { file, ...about });
  else io.stdout.write(`${file}\n`);
}

/** A verb that a model cannot do names those that it can. */
export function cannot(
  record: { name: string } & Partial<Record<"sample" | "classify" | "encode" | "reconstruct", unknown>>,
  verbName: string,
): UsageError {
  const able = [...(record.sample === undefined ? [] : ["generate"]), "train", "evaluate"];
  return new UsageError({ what: `The model "${record.name}" cannot ${verbName}.`, expected: `what it can do: ${able.join(", ")}` });
}
