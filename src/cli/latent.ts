import path from "node:path";
import type { Command } from "commander";
import { unknownName } from "../core/errors.ts";
import { writeFileAtomic } from "../core/node/files.ts";
import type { ImageSet } from "../data/dataset.ts";
import { isText } from "../data/token-set.ts";
import type { Codes } from "../runs/latent/codec.ts";
import { requireAble, worksWithPictures } from "./cannot.ts";
import { formatNumber } from "./format.ts";
import { type OpenedRun, openModel, pngAbout } from "./opened.ts";
import { wholeNumber } from "./options.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface LatentOptions {
  map?: string;
  method: string;
  colour?: string;
  histograms?: string;
  anomaly?: string;
  score?: string;
  limit: number;
  seed: string;
  device: string;
}

const methods = ["umap", "pca"] as const;

export const verb: Verb = {
  name: "latent",
  summary: "Look at a run's codes: a map, histograms against the prior, strange pictures",
  register(program, io) {
    addCommand(program, "latent", verb.summary)
      .argument("<run>", "a run's name or folder")
      .option("--map <file>", "the codes of held-out pictures as points of a plane, coloured by class or attribute")
      .option("--method <name>", "of the map: umap keeps neighbours near, pca shows the directions of largest variance", "umap")
      .option("--colour <name>", "of the map: by this attribute (default: by class, else by the first attribute)")
      .option("--histograms <file>", "the values of each dimension against the prior")
      .option("--anomaly <class>", "AUC of telling the held-out pictures of a class, or with an attribute, from the others")
      .option("--score <metric>", "of --anomaly: which of the model's metrics (default: the bound, else the reconstruction error)")
      .option("--limit <n>", "held-out pictures whose codes are looked at", wholeNumber(4), 2000)
      .option("--seed <seed>", "of the map", "0")
      .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu")
      .action((run: string, options: LatentOptions, command: Command) => latent(run, options, io, wantsJson(command)));
  },
};

async function latent(name: string, options: LatentOptions, io: Io, json: boolean): Promise<void> {
  const { map, histograms, anomaly } = options;
  if (!methods.some((known) => known === options.method)) throw unknownName("method", options.method, methods);
  const opened = await openModel(name, options, io, json);
  const looks = map !== undefined || histograms !== undefined || anomaly === undefined;
  const { record, config } = opened.model;
  if (isText(record.data.shape(config))) throw worksWithPictures(record, "latent", "text");
  if (looks) requireAble(record, "latent");
  const held = await opened.load("test");
  const answer: Record<string, unknown> = { run: opened.run.name };
  const lines: string[] = [];
  if (looks) await look(opened, held, options, answer, lines);
  if (anomaly !== undefined) await strange(opened, held, options, answer, lines);
  if (json) printJson(io, answer);
  else io.stdout.write(lines.map((line) => `${line}\n`).join(""));
}

type Answer = [answer: Record<string, unknown>, lines: string[]];

async function look(opened: OpenedRun, held: ImageSet, options: LatentOptions, ...[answer, lines]: Answer): Promise<void> {
  const { limitImages } = await import("../data/dataset.ts");
  const { Codec } = await import("../runs/latent/codec.ts");
  const { codeStatistics } = await import("../metrics/codes.ts");
  const set = limitImages(held, options.limit);
  const codec = new Codec(opened.model, opened.backend);
  const codes = await codec.encodeSet(set);
  await codec.dispose();
  const statistics = codeStatistics(codes.data, codes.count);
  const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const { codeHistograms } = await import("../runs/latent/plots.ts");
  const prior = opened.model.record.prior !== undefined;
  const used = Math.round((1 - statistics.unused) * codes.size);
  Object.assign(answer, {
    pictures: set.count,
    codeSize: codes.size,
    used,
    unused: statistics.unused,
    mean: [...statistics.mean],
    variance: [...statistics.variance],
  });
  lines.push(`${opened.run.name}: ${codes.size} numbers a code, ${used} used (variance of the mean code at least 0.01)`);
  lines.push(
    `over ${set.count} held-out pictures: mean square of the means ${formatNumber(mean(statistics.mean.map((value) => value * value)))}${prior ? " (prior 0)" : ""}, mean variance ${formatNumber(mean(statistics.variance))}${prior ? " (prior 1)" : ""}`,
  );
  if (options.histograms !== undefined) {
    const file = path.resolve(options.histograms);
    await writeRaster(file, codeHistograms(codes, statistics, opened.run.name, prior), { ...pngAbout(opened), view: "histograms" });
    answer.histograms = file;
    lines.push(file);
  }
  if (options.map !== undefined) await drawMap(opened, set, codes, options, answer, lines);
}

async function drawMap(
  opened: OpenedRun,
  set: ImageSet,
  codes: Codes,
  { map, method, colour, seed }: LatentOptions,
  ...[answer, lines]: Answer
): Promise<void> {
  const { codeMap } = await import("../runs/latent/plots.ts");
  const file = path.resolve(map!);
  const raster = await codeMap(codes, set, { method: method === "pca" ? "pca" : "umap", colour, seed, title: opened.run.name });
  await writeRaster(file, raster, { ...pngAbout(opened), view: "map", method, seed, ...(colour === undefined ? {} : { colour }) });
  answer.map = file;
  lines.push(file);
}

async function writeRaster(
  file: string,
  raster: Parameters<typeof import("../report/png.ts").encodePng>[0],
  about: Record<string, string>,
): Promise<void> {
  const { encodePng } = await import("../report/png.ts");
  await writeFileAtomic(file, encodePng(raster, about));
}

async function strange(
  { run, model, backend, note }: OpenedRun,
  held: ImageSet,
  { anomaly, score, seed }: LatentOptions,
  ...[answer, lines]: Answer
): Promise<void> {
  const { anomalyScore } = await import("../runs/latent/anomaly.ts");
  const result = await anomalyScore(model, held, anomaly!, backend, { metric: score, seed });
  const { without } = run.record.data ?? {};
  if (without !== anomaly)
    note(`the run has seen "${anomaly}" while it was trained; train one with --without ${anomaly} for a fair figure`);
  answer.anomaly = { name: anomaly, trainedWithout: without === anomaly, ...result };
  lines.push(
    `${anomaly} (${result.anomalous} pictures) against the others (${result.usual}), by ${result.metric}: AUC ${formatNumber(result.auc)}`,
    `mean score ${formatNumber(result.means.anomalous)} against ${formatNumber(result.means.usual)}; higher is stranger`,
  );
}
