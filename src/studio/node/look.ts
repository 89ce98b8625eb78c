// What a child process answers about data sets: it keeps the last ones in memory while somebody looks at them.
import { UsageError } from "../../core/errors.ts";
import type { ImageSet } from "../../data/dataset.ts";
import { loadDataset } from "../../data/node/load.ts";
import { loadText } from "../../data/node/text.ts";
import { drawPointSet } from "../../data/points.ts";
import { datasetNamed } from "../../data/sets/index.ts";
import type { TextSet } from "../../data/text/text-set.ts";
import type { DataFilter, DataKind, DataOverview, DataPage, Repetitions } from "../data.ts";
import type { Surroundings } from "./child-main.ts";
import { pictureAtlas, pictureMeans, pictureOverview, picturePage, pictureRepetitions } from "./look-pictures.ts";
import { pointOverview } from "./look-points.ts";
import { textOverview, textPage, textRepetitions } from "./look-text.ts";

/** What is looked at: a name or a folder, as `--data` takes it. */
export interface LookInput {
  use: string;
  kind: DataKind;
  split: "train" | "test";
}

type Loaded = ImageSet | TextSet;

/** Splits kept in memory. */
const KEPT = 2;
const kept = new Map<string, Promise<Loaded>>();

function load({ use, kind, split }: LookInput, { onProgress, signal }: Surroundings): Promise<Loaded> {
  const key = `${split} ${use}`;
  const options = { split, onProgress, signal };
  const loading = kept.get(key) ?? (kind === "pictures" ? loadDataset(use, options) : loadText(use, options));
  // The one asked for last goes to the end.
  kept.delete(key);
  kept.set(key, loading);
  loading.catch(() => kept.delete(key));
  for (const old of [...kept.keys()].slice(0, Math.max(0, kept.size - KEPT))) kept.delete(old);
  return loading;
}

/** Sizes, balance and whatever else is known of a whole split. */
export async function overview(input: LookInput, surroundings: Surroundings): Promise<DataOverview> {
  if (input.kind === "points") {
    const dataset = datasetNamed(input.use);
    if (dataset === undefined || !("density" in dataset)) throw new UsageError({ what: "These data are no points.", got: input.use });
    return pointOverview(drawPointSet(dataset, input.split));
  }
  const set = await load(input, surroundings);
  return set.kind === "images" ? pictureOverview(set) : textOverview(set);
}

/** Some examples of a split; of pictures, all but the pictures themselves. */
export async function page({ filter, ...input }: LookInput & { filter: DataFilter }, surroundings: Surroundings): Promise<DataPage> {
  const set = await load(input, surroundings);
  return set.kind === "images" ? picturePage(set, filter) : textPage(set, filter);
}

/** The pictures of a page, as a PNG. */
export async function atlas({ filter, ...input }: LookInput & { filter: DataFilter }, surroundings: Surroundings): Promise<Uint8Array> {
  return pictureAtlas(requirePictures(await load(input, surroundings)), filter);
}

/** The mean of all pictures, then of each class or attribute, as a PNG of one row. */
export async function mean(input: LookInput, surroundings: Surroundings): Promise<Uint8Array> {
  return pictureMeans(requirePictures(await load(input, surroundings)));
}

/** What is there more than once. */
export async function repetitions(input: LookInput, surroundings: Surroundings): Promise<Repetitions> {
  const train = await load({ ...input, split: "train" }, surroundings);
  const test = await load({ ...input, split: "test" }, surroundings);
  if (train.kind === "images") return pictureRepetitions(train, requirePictures(test));
  return textRepetitions(train, test as TextSet);
}

function requirePictures(set: Loaded): ImageSet {
  if (set.kind === "images") return set;
  throw new UsageError({ what: "These data are no pictures.", got: set.card.name });
}
