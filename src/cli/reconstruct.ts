import path from "node:path";
import type { Command } from "commander";
import { addConditionOptions } from "./conditions.ts";
import { openModel, pngAbout } from "./opened.ts";
import { takePictures, writePairs } from "./pictures.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface ReconstructOptions {
  out?: string;
  label?: string;
  attributes?: string;
  device: string;
}

export const verb: Verb = {
  name: "reconstruct",
  summary: "Pictures, and below them what the model gives back",
  register(program, io) {
    const command = addCommand(program, "reconstruct", verb.summary)
      .argument("<run>", "a run's name or folder")
      .argument("<picture...>", "picture files, or numbers of held-out pictures")
      .option("--out <file>", "where to (default: RUN-reconstructed.png in the current folder)")
      .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu");
    addConditionOptions(command, "are of").action((run: string, names: string[], options: ReconstructOptions, self: Command) =>
      reconstruct(run, names, options, io, wantsJson(self)),
    );
  },
};

async function reconstruct(name: string, names: string[], options: ReconstructOptions, io: Io, json: boolean): Promise<void> {
  const opened = await openModel(name, options, io, json, "reconstruct");
  const { Codec } = await import("../runs/latent/codec.ts");
  const { pictures, conditions } = await takePictures(opened, names, options);
  const codec = new Codec(opened.model, opened.backend, Math.min(50, names.length));
  const given = await codec.reconstruct(pictures, conditions);
  await codec.dispose();
  const file = path.resolve(options.out ?? `${opened.run.name}-reconstructed.png`);
  const about = { ...pngAbout(opened), pictures: names.join(", ") };
  await writePairs(file, pictures, given, about);
  if (json) printJson(io, { file, ...about });
  else io.stdout.write(`${file}\n`);
}
