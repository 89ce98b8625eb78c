import path from "node:path";
import type { Command } from "commander";
import { writeFileAtomic } from "../core/node/files.ts";
import type { DataCard, ImageSet } from "../data/dataset.ts";
import type { PointCard, PointDataset, PointSet } from "../data/points.ts";
import { showActivity } from "./activity.ts";
import { formatBytes, tableText } from "./format.ts";
import { inFileName, wholeNumber } from "./options.ts";
import { getText, isTextSet, listTexts, type TextInfoOptions, textInfo } from "./text-data.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

export const verb: Verb = {
  name: "data",
  summary: "Data sets: list, fetch, look at",
  register(program, io) {
    const data = addCommand(program, "data", verb.summary).action((_options: unknown, command: Command) => list(io, wantsJson(command)));
    addCommand(data, "list", "Every data set").action((_options: unknown, command: Command) => list(io, wantsJson(command)));
    addCommand(data, "get", "Fetch and prepare a data set into the cache")
      .argument("<name>", "a data set; of generated ones also with parameters: avatars:train=5000,side=32")
      .action(async (name: string, _options: unknown, command: Command) =>
        (await isTextSet(name)) ? getText(name, io, wantsJson(command)) : get(name, io, wantsJson(command)),
      );
    addCommand(data, "texts", "Every text set; or one, or your own: its sizes, what leaks, what is in it twice")
      .argument("[name|file|folder]", "a text set, or a text, JSON lines or CSV file of your own, or a folder of them")
      .option("--field <name>", "the field or column that holds the text (default: text)")
      .option("--target <name>", "the field or column that holds what the text becomes")
      .option("--duplicates", "look for texts that are repeated, exactly or nearly")
      .action((name: string | undefined, options: TextInfoOptions, command: Command) =>
        name === undefined ? listTexts(io, wantsJson(command)) : textInfo(name, options, io, wantsJson(command)),
      );
    addCommand(data, "show", "A data set's card, and a picture of it")
      .alias("info")
      .argument("<name|folder>", "a data set, or a folder of your own pictures")
      .option("--count <n>", "pictures in the grid", wholeNumber(1), 64)
      .option("--columns <n>", "pictures in a row of the grid (default: a square)", wholeNumber(1))
      .option("--captions", "write each picture's name, or its class, under it")
      .option("--out <file>", "where the grid goes (default: NAME.png in the current folder)")
      .action(async (name: string, options: ShowOptions, command: Command) =>
        (await isTextSet(name)) ? textInfo(name, {}, io, wantsJson(command)) : show(name, options, io, wantsJson(command)),
      );
  },
};

interface ShowOptions {
  count: number;
  columns?: number;
  captions?: boolean;
  out?: string;
}

async function list(io: Io, json: boolean): Promise<void> {
  const { datasets } = await import("../data/sets/index.ts");
  const cards = datasets.map(({ card }) => card);
  if (json) {
    printJson(io, cards);
    return;
  }
  const rows = cards.map((card) => [
    card.name,
    card.title,
    `${card.splits.train} + ${card.splits.test}`,
    card.shape.join(" x "),
    card.licence,
    size(card),
  ]);
  io.stdout.write(tableText(["name", "title", "train + test", "shape", "licence", "download"], rows));
}

function size(card: DataCard | PointCard): string {
  return card.package === undefined ? "drawn here" : formatBytes(card.package.bytes);
}

async function get(name: string, io: Io, json: boolean): Promise<void> {
  const { findDataset } = await import("../data/sets/index.ts");
  const { loadDataset, preparedPlace } = await import("../data/node/load.ts");
  const dataset = findDataset(name);
  if ("density" in dataset) {
    if (json) printJson(io, { name, place: null, train: dataset.card.splits.train });
    else io.stdout.write(`${dataset.card.title}: points are drawn in memory, there is nothing to fetch\n`);
    return;
  }
  const { card } = dataset;
  const activity = showActivity(io, json);
  const { count } = await loadDataset(name, { split: "train", onProgress: activity.onProgress, verify: true }).finally(activity.end);
  const place = preparedPlace(card);
  if (json) printJson(io, { name, place, train: count });
  else io.stdout.write(`${card.title}: ${count} training pictures in ${place}\n`);
}

async function show(name: string, options: ShowOptions, io: Io, json: boolean): Promise<void> {
  const { datasetNamed } = await import("../data/sets/index.ts");
  const dataset = datasetNamed(name);
  if (dataset !== undefined && "density" in dataset) {
    await showPoints(dataset, options, io, json);
    return;
  }
  const { loadDataset } = await import("../data/node/load.ts");
  const { imageGrid } = await import("../report/grid.ts");
  const { encodePng } = await import("../report/png.ts");
  const activity = showActivity(io, json);
  const set = await loadDataset(name, { split: "train", onProgress: activity.onProgress }).finally(activity.end);
  const count = Math.min(options.count, set.count);
  const pixels = set.images.length / set.count;
  const data = new Uint8Array(count * pixels);
  const chosen = Array.from({ length: count }, (_, i) => spread(i, count, set.count));
  for (const [i, index] of chosen.entries()) data.set(set.images.subarray(index * pixels, (index + 1) * pixels), i * pixels);
  const captions = options.captions ? chosen.map((index) => caption(set, index)) : undefined;
  const { columns = Math.ceil(Math.sqrt(count)) } = options;
  const raster = imageGrid(
    { data, shape: [count, ...set.shape] },
    { columns, captions, scale: Math.max(1, Math.round(64 / set.shape[1])) },
  );
  const file = path.resolve(options.out ?? inFileName(`${path.basename(set.card.name)}.png`));
  await writeFileAtomic(file, encodePng(raster, { Software: "atelier", data: set.card.name }));
  if (json) {
    printJson(io, { card: set.card, notes: set.notes ?? [], picture: file });
    return;
  }
  tell(set, file, io);
}

/**
 * The `i`th of `count` pictures spread over all: one of each of `count` equal parts, so that data sorted by class show all classes, each at another
 * place of its part (by the golden ratio), so that data whose classes take turns do too.
 */
function spread(i: number, count: number, all: number): number {
  return Math.floor(((i + ((i * 0.6180339887) % 1)) * all) / count);
}

function tell(set: ImageSet, file: string, io: Io): void {
  const { card } = set;
  const rows = [
    ["summary", card.summary],
    ["source", card.source],
    ["licence", card.licence],
    ["pictures", `${card.splits.train} training, ${card.splits.test} held out`],
    ["shape", card.shape.join(" x ")],
    ["range", card.range],
    ...(card.classes.length > 0 ? [["classes", card.classes.join(", ")]] : []),
    ...(set.attributes === undefined ? [] : [["attributes", shares(set.attributes)]]),
    ["known bias", card.bias],
    ["picture", file],
  ];
  io.stdout.write(`${card.title} (${card.name})\n${rows.map(([key, value]) => `  ${key.padEnd(11)}${value}\n`).join("")}`);
  for (const note of set.notes ?? []) io.stdout.write(`  note       ${note}\n`);
}

/** Points beside their density. */
async function showPoints(dataset: PointDataset, { count, out }: ShowOptions, io: Io, json: boolean): Promise<void> {
  const { drawPointSet } = await import("../data/points.ts");
  const { limitExamples } = await import("../data/dataset.ts");
  const { heatMapOf, planePanels } = await import("../report/plane.ts");
  const { encodePng } = await import("../report/png.ts");
  const { card, density, parameters } = dataset;
  // Sixty-four points, the grid's default, would show nothing.
  const { points, labels, count: shown } = limitExamples(drawPointSet(dataset, "train"), count === 64 ? 2000 : count) as PointSet;
  const { bounds, entropy } = density;
  const raster = planePanels([
    { title: `${shown} points`, bounds, points, classes: labels },
    { title: "density", bounds, heat: heatMapOf(density.logDensity, bounds, 280, 280) },
  ]);
  const file = path.resolve(out ?? inFileName(`${card.name}.png`));
  await writeFileAtomic(file, encodePng(raster, { Software: "atelier", data: card.name }));
  if (json) {
    printJson(io, { card, entropy, parameters, picture: file });
    return;
  }
  const rows = [
    ["summary", card.summary],
    ["source", card.source],
    ["density", card.formula],
    ["entropy", `${entropy.toFixed(4)} nats: the negative log-likelihood of the truth, which no model beats`],
    ["points", `${card.splits.train} training, ${card.splits.test} held out, two numbers each`],
    ["classes", card.classes.join(", ")],
    ["known bias", card.bias],
    ["picture", file],
  ];
  io.stdout.write(`${card.title} (${card.name})\n${rows.map(([key, value]) => `  ${key.padEnd(11)}${value}\n`).join("")}`);
  const choices = Object.entries(parameters).map(([key, { least, most, standard, about }]) => [
    `${key}=${standard}`,
    `${about}, ${least} to ${most}`,
  ]);
  io.stdout.write(
    `behind the name, as ${card.name.split(":")[0]}:train=5000,seed=1\n${choices.map(([key, value]) => `  ${key.padEnd(11)}${value}\n`).join("")}`,
  );
}

/** The attributes with how often each is true. */
function shares({ names, values }: NonNullable<ImageSet["attributes"]>): string {
  const share = (k: number) => {
    let sum = 0;
    for (let i = k; i < values.length; i += names.length) sum += values[i];
    return Math.round((100 * sum * names.length) / values.length);
  };
  return names.map((name, k) => `${name} ${share(k)}%`).join(", ");
}

/** What the picture is called, else its class, else nothing. */
function caption({ names, labels, classes }: ImageSet, index: number): string {
  return names?.[index] ?? (labels === undefined ? "" : (classes?.[labels[index]] ?? String(labels[index])));
}
