import path from "node:path";
import type { Command } from "commander";
import { unknownName } from "../core/errors.ts";
import { addConditionOptions } from "./conditions.ts";
import { openModel, pngAbout } from "./opened.ts";
import { wholeNumber } from "./options.ts";
import { takePictures, writePictures } from "./pictures.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface InterpolateOptions {
  from: string;
  to: string;
  steps: number;
  method: string;
  label?: string;
  attributes?: string;
  out?: string;
  device: string;
}

const methods = ["linear", "spherical"] as const;

export const verb: Verb = {
  name: "interpolate",
  summary: "Morph one picture into another by way of their codes",
  register(program, io) {
    const command = addCommand(program, "interpolate", verb.summary)
      .argument("<run>", "a run's name or folder")
      .requiredOption("--from <file|number>", "a picture file, or the number of a held-out picture")
      .requiredOption("--to <file|number>", "as --from")
      .option("--steps <n>", "pictures on the way, both ends among them", wholeNumber(2, 1000), 8)
      .option("--method <name>", "linear or spherical", "linear")
      .option("--out <file>", "where to (default: RUN-interpolated.png in the current folder)")
      .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu");
    addConditionOptions(command, "are of").action((run: string, options: InterpolateOptions, self: Command) =>
      interpolate(run, options, io, wantsJson(self)),
    );
  },
};

async function interpolate(name: string, options: InterpolateOptions, io: Io, json: boolean): Promise<void> {
  const { from, to, steps } = options;
  const method = methods.find((known) => known === options.method);
  if (method === undefined) throw unknownName("method", options.method, methods);
  const opened = await openModel(name, options, io, json, "interpolate");
  const { Codec } = await import("../runs/latent/codec.ts");
  const { interpolateCodes } = await import("../sample/interpolate.ts");
  const { pictures, conditions } = await takePictures(opened, [from, to], options);
  const codec = new Codec(opened.model, opened.backend, Math.min(50, steps));
  const codes = await codec.encode(pictures, conditions);
  const row = (data: Float32Array, n: number) => data.subarray((n * data.length) / 2, ((n + 1) * data.length) / 2);
  const way = { data: interpolateCodes(row(codes.data, 0), row(codes.data, 1), steps, method), count: steps, size: codes.size };
  // Conditions are blended straight: between two classes lies some of each.
  const between = conditions && interpolateCodes(row(conditions, 0), row(conditions, 1), steps);
  const morph = await codec.decode(way, between);
  await codec.dispose();
  const file = path.resolve(options.out ?? `${opened.run.name}-interpolated.png`);
  const about = { ...pngAbout(opened), from, to, steps: String(steps), method };
  const [, channels, height, width] = pictures.shape;
  const data = Float32Array.from([...row(pictures.data, 0), ...morph.data, ...row(pictures.data, 1)]);
  const captions = ["from", ...Array.from({ length: steps }, (_, i) => `${Math.round((100 * i) / (steps - 1))}%`), "to"];
  await writePictures(file, { data, shape: [steps + 2, channels, height, width] }, about, { columns: steps + 2, captions });
  if (json) printJson(io, { file, ...about });
  else io.stdout.write(`${file}\n`);
}
