import { stat } from "node:fs/promises";
import path from "node:path";
import { FileError, UsageError, unknownName } from "../../core/errors.ts";
import { cacheFolder } from "../../core/node/cache.ts";
import { type FetchOptions, readPackage } from "../../core/node/npm-package.ts";
import {
  type DataCard,
  type ExampleSet,
  type ExampleShape,
  type ImageDataset,
  type ImageSet,
  type ImageShape,
  isPoint,
  type MakingTools,
  type Split,
  type SplitArrays,
} from "../dataset.ts";
import { fitImages } from "../fit.ts";
import { drawPointSet } from "../points.ts";
import { datasetNamed, datasets } from "../sets/index.ts";
import { textSetNamed } from "../text/sets/index.ts";
import { openImageFolder } from "./image-folder.ts";
import { openPrepared, writePrepared } from "./prepared.ts";
import { rasterise } from "./rasterise.ts";

export interface LoadDatasetOptions extends FetchOptions {
  /** Default `train`. */
  split?: Split | undefined;
  /** The shape [C, H, W] the model wants; default the set's own, and [3, 64, 64] for a folder. */
  shape?: ImageShape | undefined;
  /** Check the stored files' digests too, not only their sizes. */
  verify?: boolean | undefined;
}

/**
 * The pictures of one split of a named data set, or of a folder of the user's own pictures. The first call fetches and prepares into the cache
 * (seconds to minutes); later ones read flat files (tens of milliseconds). A damaged prepared copy is made again.
 * @throws UsageError for an unknown name; FileError when fetching, preparing or reading fails; RuntimeError without npm (sets) or sharp (folders).
 */
export async function loadDataset(nameOrPath: string, options: LoadDatasetOptions = {}): Promise<ImageSet> {
  const { split = "train", shape } = options;
  const dataset = await picturesNamed(nameOrPath);
  if (dataset === undefined) return await openImageFolder(nameOrPath, { ...options, split, shape: shape ?? [3, 64, 64] });
  const place = preparedPlace(dataset.card);
  const set = await openPrepared(place, () => prepareDataset(dataset, place, options), dataset.card, split, options);
  return shape === undefined ? set : fitImages(set, shape);
}

/**
 * The set of pictures of that name, undefined for a folder's path.
 * @throws UsageError for text, for points, and for a word that is neither a set's name nor a folder
 */
export async function picturesNamed(nameOrPath: string) {
  const dataset = datasetNamed(nameOrPath);
  if (dataset !== undefined) {
    if ("density" in dataset) throw otherKind(dataset.card.name, "These data are points, not pictures.");
    return dataset;
  }
  if (textSetNamed(nameOrPath) !== undefined) throw otherKind(nameOrPath, "These data are text, not pictures.");
  await requireFolderLike(nameOrPath);
  return undefined;
}

/**
 * One split of any data set, pictures or points, at the shape that a model takes.
 * @throws UsageError as {@link loadDataset}, and when pictures are wanted and the data are points or the other way round
 */
export async function loadExamples(
  nameOrPath: string,
  { shape, ...options }: Omit<LoadDatasetOptions, "shape"> & { shape?: ExampleShape | undefined } = {},
): Promise<ExampleSet> {
  const dataset = datasetNamed(nameOrPath);
  if (dataset === undefined && textSetNamed(nameOrPath) !== undefined)
    throw otherKind(
      nameOrPath,
      `The model takes ${shape !== undefined && isPoint(shape) ? "points" : "pictures"}, and these data are text.`,
    );
  if (dataset !== undefined && "density" in dataset) {
    const { name } = dataset.card;
    if (shape === undefined || (isPoint(shape) && shape[0] === dataset.card.shape[0]))
      return drawPointSet(dataset, options.split ?? "train");
    throw otherKind(
      name,
      `The model takes ${isPoint(shape) ? `points of ${shape[0]} numbers` : "pictures"}, and these data are points of two.`,
    );
  }
  if (shape === undefined || !isPoint(shape)) return await loadDataset(nameOrPath, { ...options, shape });
  throw otherKind(nameOrPath, "The model takes points, and these data are pictures.");
}

function otherKind(where: string, what: string): UsageError {
  return new UsageError({ what, where, hint: "models have presets for points: atelier models MODEL; data sets: atelier data" });
}

/** A word that is neither a data set nor a folder was meant as a name; a path with a separator was meant as a folder. */
async function requireFolderLike(nameOrPath: string): Promise<void> {
  const there = await stat(nameOrPath).catch(() => undefined);
  if (there !== undefined || /[/\\]|^\.|^~/.test(nameOrPath)) return;
  throw unknownName(
    "data set",
    nameOrPath,
    datasets.map(({ card }) => card.name),
  );
}

/** Where a data set's prepared copy lies in the cache. */
export function preparedPlace(card: Pick<DataCard, "name" | "version">): string {
  return path.join(cacheFolder(), "data", `${card.name.replace(/[^a-z0-9-]+/g, "-")}-v${card.version}`);
}

async function prepareDataset(dataset: ImageDataset, place: string, options: FetchOptions): Promise<void> {
  const { card } = dataset;
  const tools: MakingTools = { ...options, rasterise: (svgs, shape) => rasterise(svgs, shape, options.signal) };
  const splits = await makeSplits(dataset, tools);
  for (const split of ["train", "test"] as const) checkSplit(card, split, splits[split]);
  await writePrepared(place, { name: card.name, shape: card.shape, classes: card.classes, attributes: card.attributes, splits });
}

async function makeSplits(dataset: ImageDataset, tools: MakingTools): Promise<Record<Split, SplitArrays>> {
  if ("generate" in dataset) return await dataset.generate(tools);
  const preparation = dataset.prepare();
  await readPackage(dataset.card.package, preparation.wanted, preparation.add, tools);
  return await preparation.finish(tools);
}

/** What the card promises must be there, and as often. @throws FileError */
function checkSplit({ name, shape, classes, attributes = [], splits }: DataCard, split: Split, arrays: SplitArrays): void {
  const wanted = splits[split];
  const right =
    arrays.images.length === wanted * shape[0] * shape[1] * shape[2] &&
    (arrays.labels?.length ?? 0) === (classes.length > 0 ? wanted : 0) &&
    (arrays.attributes?.length ?? 0) === attributes.length * wanted &&
    (arrays.names?.length ?? wanted) === wanted;
  if (right) return;
  throw new FileError({ what: `Preparing ${name} gave a wrong number of pictures for ${split}.`, expected: String(wanted) });
}
