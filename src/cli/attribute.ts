import path from "node:path";
import type { Command } from "commander";
import { UsageError } from "../core/errors.ts";
import type { AttributeCheck, AttributeReader } from "../runs/latent/attributes.ts";
import type { Codec } from "../runs/latent/codec.ts";
import { formatNumber, tableText } from "./format.ts";
import { type OpenedRun, openModel, pngAbout } from "./opened.ts";
import { anyNumber, inFileName, repeated, wholeNumber } from "./options.ts";
import { writePictures } from "./pictures.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface AttributeOptions {
  name?: string[];
  strength?: number;
  pictures: number;
  limit: number;
  list?: boolean;
  check?: boolean;
  classifier?: string;
  out?: string;
  device: string;
}

/** Pictures on which `--check` chooses strengths; they are of the training split. */
const CHOOSING = 500;

export const verb: Verb = {
  name: "attribute",
  summary: "Give pictures more or less of an attribute, along its direction among the codes",
  register(program, io) {
    addCommand(program, "attribute", verb.summary)
      .argument("<run>", "a run's name or folder")
      .option("--list", "the attributes of the run's data, and how many pictures have each")
      .option("--name <attribute>", "an attribute or a class; with --check it may be repeated (default there: all)", repeated)
      .option("--strength <alpha>", "1 goes from the mean without to the mean with it (default: 2; --check chooses)", anyNumber)
      .option("--pictures <n>", "held-out pictures shown", wholeNumber(1), 8)
      .option(
        "--limit <n>",
        "training pictures whose codes make the direction; --check reads a fifth as many held-out ones",
        wholeNumber(2),
        10_000,
      )
      .option("--check", "how often moving flips the attribute, and how often it leaves the others, by a classifier")
      .option("--classifier <name>", "for --check: a run, or a network of the library (default: the one of the run's data)")
      .option("--out <file>", "where to (default: RUN-NAME.png in the current folder)")
      .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu")
      .action((run: string, options: AttributeOptions, command: Command) => attribute(run, options, io, wantsJson(command)));
  },
};

async function attribute(name: string, options: AttributeOptions, io: Io, json: boolean): Promise<void> {
  const { requireStrength } = await import("../runs/latent/attributes.ts");
  if (options.strength !== undefined) requireStrength(options.strength);
  if (!options.list && !options.check && options.name?.length !== 1) {
    throw new UsageError({
      what: options.name === undefined ? "Which attribute?" : "One attribute at a time can be shown.",
      hint: "--name NAME; --list shows the names, --check measures them",
    });
  }
  const opened = await openModel(name, options, io, json, "attribute");
  if (options.list) return list(opened, options, io, json);
  const { Codec } = await import("../runs/latent/codec.ts");
  const codec = new Codec(opened.model, opened.backend);
  try {
    if (options.check) await check(opened, codec, options, io, json);
    else await show(opened, codec, options, io, json);
  } finally {
    await codec.dispose();
  }
}

async function list({ load }: OpenedRun, { limit }: AttributeOptions, io: Io, json: boolean): Promise<void> {
  const { attributeCounts } = await import("../runs/latent/attributes.ts");
  const counts = attributeCounts(await load("train", limit));
  if (json) printJson(io, counts);
  else if (counts.length === 0) io.stdout.write("The data of this run have neither attributes nor classes.\n");
  else
    io.stdout.write(
      tableText(
        ["attribute", "with", "without"],
        counts.map((one) => [one.name, String(one.with), String(one.without)]),
      ),
    );
}

async function show(opened: OpenedRun, codec: Codec, options: AttributeOptions, io: Io, json: boolean): Promise<void> {
  const { limitImages } = await import("../data/dataset.ts");
  const { directionOf, movedPictures } = await import("../runs/latent/attributes.ts");
  const { stripOf } = await import("../runs/pictures.ts");
  const [attributeName] = options.name!;
  const strength = options.strength ?? 2;
  const train = await opened.load("train", options.limit);
  const direction = directionOf(await codec.encodeSet(train), train, attributeName);
  const strengths = [-1, -0.5, 0, 0.5, 1].map((share) => share * strength);
  const held = limitImages(await opened.load("test"), options.pictures);
  const { originals, moved } = await movedPictures(codec, held, direction, strengths);
  const captions = Array.from({ length: held.count }, () => ["picture", ...strengths.map((alpha) => signed(alpha))]).flat();
  const file = path.resolve(options.out ?? inFileName(`${opened.run.name}-${attributeName}.png`));
  const about = { ...pngAbout(opened), attribute: attributeName, strength: String(strength), codes: String(train.count) };
  await writePictures(file, stripOf([originals, ...moved]), about, { columns: strengths.length + 1, captions });
  if (json) printJson(io, { file, ...about });
  else io.stdout.write(`${file}\n`);
}

function signed(alpha: number): string {
  return `${alpha > 0 ? "+" : ""}${Number(alpha.toPrecision(3))}`;
}

interface Checked {
  checks: AttributeCheck[];
  /** How often the classifier is right about held-out pictures, and about what the model makes of them, by attribute. */
  accuracy: Record<string, number>;
  reconstructed: Record<string, number>;
}

async function check(opened: OpenedRun, codec: Codec, options: AttributeOptions, io: Io, json: boolean): Promise<void> {
  const { openReader } = await import("../runs/latent/reader.ts");
  const held = await opened.load("test", Math.max(2, Math.round(options.limit / 5)));
  const { reader, name: classifier, dispose } = await openReader(options.classifier, held, opened);
  try {
    const { accuracy, reconstructed, checks } = await measure(opened, codec, options, reader, held);
    const { run } = opened;
    if (json) {
      printJson(io, {
        run: run.name,
        classifier,
        pictures: held.count,
        checks: checks.map((one) => ({ ...one, accuracy: accuracy[one.name], reconstructed: reconstructed[one.name] })),
      });
      return;
    }
    const percent = (share: number) => `${formatNumber(100 * share)} %`;
    const rows = checks.map(({ name, strength, flipped, unchanged, leastSteady }) => [
      name,
      formatNumber(strength),
      percent(flipped),
      percent(unchanged),
      leastSteady === undefined ? "" : `${leastSteady.name} ${percent(leastSteady.unchanged)}`,
      percent(accuracy[name]),
      percent(reconstructed[name]),
    ]);
    io.stdout.write(`${run.name} on ${held.count} held-out pictures, read by ${classifier}\n`);
    io.stdout.write(
      tableText(["attribute", "strength", "flipped", "others unchanged", "least steady", "classifier right", "on reconstructions"], rows),
    );
  } finally {
    await dispose();
  }
}

async function measure(
  { load, note }: OpenedRun,
  codec: Codec,
  { limit, strength, name: wanted }: AttributeOptions,
  reader: AttributeReader,
  held: Awaited<ReturnType<OpenedRun["load"]>>,
): Promise<Checked> {
  const { checkAttribute, checkable, checkBase, chooseStrength, directionOf, readerAccuracy } = await import(
    "../runs/latent/attributes.ts"
  );
  const { picturesOf } = await import("../runs/latent/source.ts");
  const { limitImages } = await import("../data/dataset.ts");
  const train = await load("train", limit);
  const names = checkable(reader, train, wanted);
  const empty = wanted === undefined ? reader.names.filter((name) => !names.includes(name)) : [];
  if (empty.length > 0) note(`no picture of the training data, or every one, is ${empty.join(", ")}: not checked`);
  const codes = await codec.encodeSet(train);
  const directions = names.map((name) => directionOf(codes, train, name));
  const base = await checkBase(codec, held, reader);
  const accuracy = readerAccuracy(reader, await reader.read(picturesOf(held)), held);
  const reconstructed = readerAccuracy(reader, base.before, held);
  const choosing = strength === undefined ? await checkBase(codec, limitImages(train, CHOOSING), reader) : undefined;
  const checks: AttributeCheck[] = [];
  for (const [i, name] of names.entries()) {
    const alpha = choosing === undefined ? strength! : await chooseStrength(codec, choosing, reader, name, directions[i]);
    checks.push(await checkAttribute(codec, base, reader, name, directions[i], alpha));
  }
  return { checks, accuracy, reconstructed };
}
