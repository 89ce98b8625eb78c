import path from "node:path";
import type { Command } from "commander";
import { addConditionOptions, conditionsFor } from "./conditions.ts";
import { openModel, pngAbout } from "./opened.ts";
import { writePictures } from "./pictures.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface DecodeOptions {
  out?: string;
  label?: string;
  attributes?: string;
  device: string;
}

export const verb: Verb = {
  name: "decode",
  summary: "The pictures of codes",
  register(program, io) {
    const command = addCommand(program, "decode", verb.summary)
      .argument("<run>", "a run's name or folder")
      .argument("<codes>", "a JSON file: what encode wrote, or rows of numbers")
      .option("--out <file>", "where to (default: RUN-decoded.png in the current folder)")
      .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu");
    addConditionOptions(command, "show").action((run: string, codes: string, options: DecodeOptions, self: Command) =>
      decode(run, codes, options, io, wantsJson(self)),
    );
  },
};

async function decode(name: string, codesName: string, options: DecodeOptions, io: Io, json: boolean): Promise<void> {
  const opened = await openModel(name, options, io, json, "decode");
  const { run, model, backend, note } = opened;
  const { Codec } = await import("../runs/latent/codec.ts");
  const { readCodes, requireSize } = await import("../runs/latent/codes-file.ts");
  const { codes, conditions: stored } = await readCodes(codesName);
  const asked = options.label !== undefined || options.attributes !== undefined;
  const conditions =
    stored !== undefined && !asked
      ? stored
      : await conditionsFor(run, model, options, { count: codes.count, seed: "0", load: () => opened.load("test"), onNote: note });
  const codec = new Codec(model, backend, Math.min(50, codes.count));
  if (model.record.encode !== undefined || model.record.codes !== undefined) requireSize(codes, await codec.codeSize(), codesName);
  const pictures = await codec.decode(codes, conditions);
  await codec.dispose();
  const file = path.resolve(options.out ?? `${run.name}-decoded.png`);
  const about = { ...pngAbout(opened), codes: path.basename(codesName), count: String(codes.count) };
  await writePictures(file, pictures, about);
  if (json) printJson(io, { file, ...about });
  else io.stdout.write(`${file}\n`);
}
