import path from "node:path";
import type { Command } from "commander";
import { writeFileAtomic } from "../core/node/files.ts";
import { addConditionOptions } from "./conditions.ts";
import { openModel, pngAbout } from "./opened.ts";
import { takePictures } from "./pictures.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface EncodeOptions {
  out?: string;
  label?: string;
  attributes?: string;
  device: string;
}

export const verb: Verb = {
  name: "encode",
  summary: "The codes of pictures",
  register(program, io) {
    const command = addCommand(program, "encode", verb.summary)
      .argument("<run>", "a run's name or folder")
      .argument("<picture...>", "picture files, or numbers of held-out pictures")
      .option("--out <file>", "where to, as JSON (default: printed)")
      .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu");
    addConditionOptions(command, "are of").action((run: string, names: string[], options: EncodeOptions, self: Command) =>
      encode(run, names, options, io, wantsJson(self)),
    );
  },
};

async function encode(name: string, names: string[], options: EncodeOptions, io: Io, json: boolean): Promise<void> {
  const opened = await openModel(name, options, io, json, "encode");
  const { Codec } = await import("../runs/latent/codec.ts");
  const { codesFile } = await import("../runs/latent/codes-file.ts");
  const { pictures, conditions } = await takePictures(opened, names, options);
  const codec = new Codec(opened.model, opened.backend, Math.min(50, names.length));
  const codes = await codec.encode(pictures, conditions);
  await codec.dispose();
  const { Software: _, step, ...about } = pngAbout(opened);
  const content = codesFile({ ...about, step: Number(step), pictures: names }, codes, conditions);
  if (options.out === undefined) {
    printJson(io, content);
    return;
  }
  const file = path.resolve(options.out);
  await writeFileAtomic(file, `${JSON.stringify(content)}\n`);
  if (json) printJson(io, { file, ...about, count: codes.count, size: codes.size });
  else io.stdout.write(`${file}\n`);
}
