import path from "node:path";
import type { Command } from "commander";
import { UsageError } from "../core/errors.ts";
import { isPoint } from "../data/dataset.ts";
import { isText } from "../data/token-set.ts";
import type { GivenPictures, ModelRecord, Pictures } from "../models/index.ts";
import type { SampleWishes } from "../runs/sampling.ts";
import { requireAble } from "./cannot.ts";
import { addConditionOptions, conditionsFor } from "./conditions.ts";
import { type OpenedRun, openModel, pngAbout } from "./opened.ts";
import { anyNumber, inFileName, repeated, wholeNumber } from "./options.ts";
import { writePictures } from "./pictures.ts";
import { addSamplingOption, readSampling } from "./sampling-options.ts";
import { addTextSampling, type TextSamplingOptions, textSamplingFlags } from "./text-sampling.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface GenerateOptions extends TextSamplingOptions {
  count?: number;
  seed: string;
  label?: string;
  attributes?: string;
  given?: string;
  known?: string;
  from?: string;
  sampling?: string[];
  frames?: string;
  prompt?: string;
  tokens?: number;
  showTop?: number;
  stop?: string[];
  out?: string;
  device: string;
}

/** Options that only texts have, as they are written. */
const textOptions = {
  ...{ prompt: "--prompt", tokens: "--tokens", temperature: "--temperature", showTop: "--show-top", stop: "--stop" },
  ...textSamplingFlags,
};

/** Pictures in one grid, which then has some ten thousand pixels a side. */
const MOST_PICTURES = 10_000;
/** Pictures of a strip's way: the first shows the beginning, the last the end. */
const FRAMES = 12;
/** Pictures that a strip follows. */
const FOLLOWED = 8;

export const verb: Verb = {
  name: "generate",
  summary: "Make new pictures, points or text with a trained run",
  register(program, io) {
    const command = addCommand(program, "generate", verb.summary)
      .argument(
        "<run>",
        "a run's name or folder, a folder with a language model or an adapter in Hugging Face's layout, or a model's name on the hub (ORG/NAME)",
      )
      .option("--count <n>", "how many (default: 16 pictures, 1000 points, or 1 text)", wholeNumber(1, 1_000_000))
      .option("--seed <seed>", "the same seed makes the same pictures, points or text", "0")
      .option("--given <file|number>", "a picture, or a held-out picture's number, of which a part is kept (models that fill in)")
      .option("--known <part>", "which part is kept: top, bottom, left, right, or a mask picture that is white there")
      .option("--from <file|number,...>", "pictures, or held-out pictures' numbers, to start from (models that can)")
      .option(
        "--frames <file>",
        "also a strip of how the pictures come about; of points an animation; of pairs a map of where the model looked",
      )
      .option("--prompt <text>", "of text: what is continued (default: nothing)")
      .option("--tokens <n>", "of text: how many tokens are added at most (default: 200)", wholeNumber(1))
      .option("--temperature <t>", "of text: 0 takes the likeliest token, 1 draws as the model says (default: 0.8)", anyNumber)
      .option("--show-top <n>", "of text: a line for each token, with the n likeliest and their probabilities", wholeNumber(1))
      .option("--stop <text>", "of text: where it ends; may be repeated", repeated)
      .option("--out <file>", "where to (default: RUN-seed-SEED.png in the current folder); points also as .csv")
      .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu");
    addSamplingOption(addConditionOptions(addTextSampling(command), "show")).action(
      (run: string, options: GenerateOptions, self: Command) => generate(run, options, io, wantsJson(self)),
    );
  },
};

async function generate(name: string, options: GenerateOptions, io: Io, json: boolean): Promise<void> {
  const { given, known, from, seed, frames } = options;
  requireBoth(given, known);
  const { generateFromFolder, textFolder } = await import("./generate-folder.ts");
  const folder = await textFolder(name);
  if (folder !== undefined) {
    refusePictureOptions(options, "A model's folder makes text.");
    return await generateFromFolder(folder, options, io, json);
  }
  const opened = await openModel(name, options, io, json);
  const { run, model, backend } = opened;
  const { record } = model;
  if (isText(record.data.shape(model.config))) return await continueText(opened, options, io, json);
  refuseTextOptions(options, record);
  for (const verb of ["generate", ...(given === undefined ? [] : ["generate --given"]), ...(from === undefined ? [] : ["generate --from"])])
    requireAble(record, verb);
  const sampling = await readSampling(record, options.sampling);
  if (isPoint(record.data.shape(model.config))) {
    const { generatePoints } = await import("./generate-points.ts");
    await generatePoints(opened, options, sampling, io, json);
    return;
  }
  const { EvenFrames } = await import("../sample/frames.ts");
  const { drawMany } = await import("../runs/drawn.ts");
  const starts = from?.split(",") ?? [];
  const count = options.count ?? (given === undefined && from === undefined ? 16 : Math.max(4, starts.length));
  requireRoom(count);
  const conditions = await conditionsFor(run, model, options, { count, seed, load: () => opened.load("test"), onNote: opened.note });
  const kept = new EvenFrames<Pictures>(FRAMES);
  const wishes: SampleWishes = {
    conditions,
    given: given === undefined ? undefined : await givenPictures(opened, given, known!, count),
    from: from === undefined ? undefined : await startPictures(opened, starts, count),
    sampling,
    onFrame: frames === undefined ? undefined : (pictures) => kept.add(firstOf(pictures, FOLLOWED)),
  };
  const started = performance.now();
  const pictures = await drawMany({ ...model, backend }, count, seed, wishes);
  const seconds = (performance.now() - started) / 1000;
  const asked = Object.fromEntries(
    (["label", "attributes", "given", "known", "from", "sampling"] as const).flatMap((key) =>
      options[key] === undefined ? [] : [[key, String(options[key])]],
    ),
  );
  const about = { ...pngAbout(opened), seed, count: String(count), ...asked };
  const file = path.resolve(options.out ?? inFileName(`${run.name}-seed-${seed}.png`));
  await writePictures(file, pictures, about, { columns: inTurn(opened, options, count) });
  const strip = frames === undefined ? undefined : path.resolve(frames);
  if (strip !== undefined) await writeStrip(strip, kept.frames(), { ...about, view: "frames" }, opened.note);
  if (json) printJson(io, { file, ...(strip === undefined ? {} : { frames: strip }), ...about, seconds });
  else
    io.stderr.write(
      `${count} ${count === 1 ? "picture" : "pictures"} in ${seconds.toFixed(1)} s: ${(count / seconds).toPrecision(3)} a second\n`,
    );
  if (!json) io.stdout.write(`${file}\n${strip === undefined ? "" : `${strip}\n`}`);
}

/** @throws UsageError for one of the two without the other */
function requireBoth(given: string | undefined, known: string | undefined): void {
  if ((given === undefined) === (known === undefined)) return;
  throw new UsageError({
    what: "--given and --known belong together.",
    hint: "--given FILE --known top, bottom, left, right or MASK.png",
  });
}

/** @throws UsageError for more pictures than a grid holds */
function requireRoom(count: number): void {
  if (count <= MOST_PICTURES) return;
  throw new UsageError({
    what: "So many pictures do not fit into one file.",
    got: String(count),
    expected: `at most ${MOST_PICTURES}`,
    hint: "further ones with --seed 1, --seed 2 and so on",
  });
}

/** @throws UsageError for options of pictures */
function refusePictureOptions(options: GenerateOptions, what: string): void {
  const pictures = (["label", "attributes", "given", "from", "sampling", "frames"] as const).filter((key) => options[key] !== undefined);
  if (pictures.length > 0) throw new UsageError({ what, got: pictures.map((key) => `--${key}`).join(", "), hint: "leave these out" });
}

/** @throws UsageError for options of pictures and of folders */
async function continueText(opened: OpenedRun, options: GenerateOptions, io: Io, json: boolean): Promise<void> {
  if (opened.model.record.translation !== undefined) return await translate(opened, options, io, json);
  refusePictureOptions(options, "This run was set up for text.");
  const ofFolders = (["beams", "lengthPenalty", "quantize"] as const).filter((key) => options[key] !== undefined);
  if (ofFolders.length > 0) {
    throw new UsageError({
      what: "A run of text cannot be sampled like this; a folder in Hugging Face's layout can.",
      got: ofFolders.map((key) => textSamplingFlags[key]).join(", "),
    });
  }
  const { generateText } = await import("./generate-text.ts");
  await generateText(opened, options, io, json);
}

/** @throws UsageError for options that pairs have no use for */
async function translate(opened: OpenedRun, options: GenerateOptions, io: Io, json: boolean): Promise<void> {
  const { prompt: _, ...drawing } = textOptions;
  const others = { label: "--label", attributes: "--attributes", given: "--given", from: "--from", ...drawing };
  const got = Object.entries(others).flatMap(([key, flag]) => (options[key as keyof GenerateOptions] === undefined ? [] : [flag]));
  if (got.length > 0) {
    throw new UsageError({
      what: "This run was set up for pairs of texts.",
      got: got.join(", "),
      expected: "--prompt, --sampling beams=5,lengthPenalty=1, --count, --frames",
    });
  }
  const { generatePairs } = await import("./generate-pairs.ts");
  await generatePairs(opened, options, io, json);
}

/** @throws UsageError for options of text */
function refuseTextOptions(options: GenerateOptions, { sampling }: ModelRecord): void {
  const asked = Object.entries(textOptions).filter(([key]) => options[key as keyof typeof textOptions] !== undefined);
  if (asked.length === 0) return;
  const warm = options.temperature !== undefined && sampling !== undefined && "temperature" in sampling.shape;
  throw new UsageError({
    what: "This run makes no text.",
    got: asked.map(([, flag]) => flag).join(", "),
    hint: warm ? `this model's own is --sampling temperature=${options.temperature}` : "leave these out",
  });
}

/** Columns that put one class below another where the classes come in turn; undefined for as good as square. */
function inTurn({ run }: OpenedRun, { label }: GenerateOptions, count: number): number | undefined {
  const list = run.record.data?.conditions;
  return list?.kind === "classes" && label === undefined && list.names.length <= 20 && count > list.names.length
    ? list.names.length
    : undefined;
}

/** The same picture `count` times, with the part that is kept. */
async function givenPictures(opened: OpenedRun, given: string, known: string, count: number): Promise<GivenPictures> {
  const { record, config } = opened.model;
  const { pictureShape } = await import("../models/index.ts");
  const shape = pictureShape(record, config);
  const [channels, height, width] = shape;
  const { halves, knownFromMask, knownHalf } = await import("../sample/known.ts");
  const { readPictures, readMask } = await import("../runs/latent/source.ts");
  const { pictures, notes } = await readPictures([given], shape, () => opened.load("test"));
  notes.forEach(opened.note);
  const half = halves.find((one) => one === known);
  // A word without an ending was meant as a part, not as a picture file.
  if (half === undefined && !/[./\\]/.test(known)) {
    throw new UsageError({
      what: "There is no such part of a picture.",
      got: known,
      expected: `${halves.join(", ")}, or the path of a mask picture that is white where the picture is kept`,
    });
  }
  const fromFile = async () => {
    const { fit } = (await opened.load("test")).card;
    return knownFromMask(await readMask({ mask: known, picture: given, shape, fit }), known);
  };
  const mask = half === undefined ? await fromFile() : knownHalf(half, height, width);
  const data = new Float32Array(count * pictures.data.length);
  const masks = new Uint8Array(count * mask.length);
  for (let i = 0; i < count; i++) {
    data.set(pictures.data, i * pictures.data.length);
    masks.set(mask, i * mask.length);
  }
  return { data, shape: [count, channels, height, width], known: masks };
}

/** Pictures to start from: each as often as the next, in the order of their names. */
async function startPictures(opened: OpenedRun, names: readonly string[], count: number): Promise<Pictures> {
  const { record, config } = opened.model;
  const { pictureShape } = await import("../models/index.ts");
  const shape = pictureShape(record, config);
  const { readPictures } = await import("../runs/latent/source.ts");
  const { pictures, notes } = await readPictures(names, shape, () => opened.load("test"));
  notes.forEach(opened.note);
  const size = pictures.data.length / names.length;
  const data = new Float32Array(count * size);
  for (let i = 0; i < count; i++) data.set(pictures.data.subarray((i % names.length) * size, ((i % names.length) + 1) * size), i * size);
  return { data, shape: [count, ...shape] };
}

function firstOf({ data, shape: [count, ...shape] }: Pictures, most: number): Pictures {
  const kept = Math.min(most, count);
  return { data: data.slice(0, (data.length / count) * kept), shape: [kept, ...shape] };
}

/** A picture a row, its way from left to right. */
async function writeStrip(
  file: string,
  frames: readonly Pictures[],
  about: Record<string, string>,
  onNote: (text: string) => void,
): Promise<void> {
  const { stripOf } = await import("../runs/pictures.ts");
  if (frames.length === 1) onNote("the model paints a picture in one go: the strip has one frame");
  await writePictures(file, stripOf(frames), about, { columns: frames.length });
}
