/** What a data set is: its card, how its package files become arrays, and the arrays themselves. Loads in a browser too. Points: points.ts. */
import { UsageError } from "../core/errors.ts";
import type { PackageSpec } from "../core/package-spec.ts";
import type { Parameters, PointDataset, PointSet, PointShape } from "./points.ts";
import { limitTokens, type TokenSet, type TokenShape } from "./token-set.ts";

export type Split = "train" | "test";

/** [channels (1 grey, 3 red-green-blue), height, width] */
export type ImageShape = readonly [channels: number, height: number, width: number];

/** What one example is: a picture [C, H, W], or a point [D]. */
export type ExampleShape = ImageShape | PointShape;

/** What one example of any data is: numbers, or text as token ids. */
export type DataShape = ExampleShape | TokenShape;

/** Whether examples of a shape are points. */
export function isPoint(shape: DataShape): shape is PointShape {
  return "length" in shape && shape.length === 1;
}

/** What the cards of all data sets say. */
export interface BaseCard {
  /** The name on the command line. */
  name: string;
  title: string;
  /** One or two sentences: what the pictures show. */
  summary: string;
  /** Who made it and where it was published. */
  source: string;
  licence: string;
  /** Where the files come from; what is generated and a user's own folder have none. */
  package?: PackageSpec | undefined;
  /** Raised when the preparation changes, so that an older prepared copy is not used. */
  version: number;
  /** Examples per split. */
  splits: Readonly<Record<Split, number>>;
  /** How the split was made, where it is our own. */
  splitNote?: string | undefined;
  classes: readonly string[];
  /** Names of the yes-or-no attributes, where the pictures have any. */
  attributes?: readonly string[] | undefined;
  /** Known bias and limits, plainly. */
  bias: string;
}

/** What a user should know of a set of pictures before training on it. */
export interface DataCard extends BaseCard {
  shape: ImageShape;
  range: "0..255 bytes";
  /** How to reach a larger shape: `pad` with black where the ground is black, `resize` otherwise. */
  fit: "pad" | "resize";
}

/** Yes-or-no properties of pictures. */
export interface Attributes {
  /** Lower-case words joined by hyphens. */
  names: readonly string[];
  /** [N, names.length], 0 or 1. */
  values: Uint8Array;
}

/** Names of the conditions that a set's examples have: attributes where there are any, else classes (one-hot). */
export function conditionNames({ attributes, classes }: Pick<ExampleSet, "attributes" | "classes">): readonly string[] {
  return attributes?.names ?? classes ?? [];
}

/** The pictures of one split, all in memory as bytes. */
export interface ImageSet {
  kind: "images";
  card: DataCard;
  split: Split;
  shape: ImageShape;
  /** [N, C, H, W], 0..255. */
  images: Uint8Array;
  /** [N], an index into `classes`; absent where pictures have no class. */
  labels?: Uint8Array | undefined;
  /** N */
  count: number;
  classes?: readonly string[] | undefined;
  /** What the pictures show, each yes or no; absent where that is not known. */
  attributes?: Attributes | undefined;
  /** [N], what each picture is called; absent where they have no names. */
  names?: readonly string[] | undefined;
  /** What the preparation wants the user to know (files ignored, alpha flattened ...). */
  notes?: readonly string[] | undefined;
}

/** One split of any data set. */
export type ExampleSet = ImageSet | PointSet | TokenSet;

/** What the examples of a set are called. */
export function examplesNoun({ kind }: Pick<ExampleSet, "kind">): string {
  return { images: "pictures", points: "points", tokens: "windows", pairs: "pairs" }[kind];
}

/** The set itself, where it is one of pictures. @throws UsageError naming `what` works with pictures only */
export function requireImages(set: ExampleSet, what: string): ImageSet {
  if (set.kind === "images") return set;
  throw new UsageError({
    what: `${what} works with pictures, and these data are ${set.kind === "points" ? "points" : "text"}.`,
    where: set.card.name,
  });
}

/** The arrays of one split before they are stored: `images` [N, C, H, W] 0..255, `labels` [N]. */
export interface SplitArrays {
  images: Uint8Array;
  labels?: Uint8Array | undefined;
  /** [N, attributes of the card], 0 or 1. */
  attributes?: Uint8Array | undefined;
  /** [N], what each picture is called. */
  names?: readonly string[] | undefined;
}

/** What the making of a data set may use of its surroundings. */
export interface MakingTools {
  /**
   * Draw SVG documents, each scaled to the shape, transparent parts laid on black: [N, C, H, W], 0..255.
   * @throws FileError when one cannot be drawn; RuntimeError without the image library.
   */
  rasterise(svgs: readonly string[], shape: ImageShape): Promise<Uint8Array>;
  /** Told what is done, and the seconds since the making began. */
  onProgress?: ((message: string, seconds: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** Takes the package's files as they come, in any order, and gives the arrays at the end. */
export interface Preparation {
  /** Whether a file of the package is needed, by its path in the archive. */
  wanted(path: string): boolean;
  /** @throws FileError when the file is not what it should be. */
  add(path: string, bytes: Uint8Array): void;
  /** @throws FileError when a file is missing or the counts differ from the card's. */
  finish(tools: MakingTools): Record<Split, SplitArrays> | Promise<Record<Split, SplitArrays>>;
}

/** A preparation that needs nothing but the files. */
export interface PlainPreparation extends Preparation {
  finish(): Record<Split, SplitArrays>;
}

/** A data set that comes from a package: one file with its card and its preparation. */
export interface PackageDataset {
  card: DataCard & { package: PackageSpec };
  /** What turns the package's files into arrays. */
  prepare(): Preparation;
}

/** A data set that is drawn when it is wanted, the same pictures each time: one file with its card and its recipe. */
export interface GeneratedDataset {
  card: DataCard;
  /** What can be chosen behind the name, `avatars:train=5000,side=32`: a whole number each. */
  parameters: Parameters;
  /** The same recipe with other numbers, all given and in range; its card says so. */
  withParameters(values: Readonly<Record<string, number>>): GeneratedDataset;
  /** @throws RuntimeError without the image library. */
  generate(tools: MakingTools): Promise<Record<Split, SplitArrays>>;
}

/** A data set of pictures. */
export type ImageDataset = PackageDataset | GeneratedDataset;

export type Dataset = ImageDataset | PointDataset;

/** Check a data set's card at definition, so that a mistake shows at once. @throws UsageError */
export function defineDataset<D extends ImageDataset>(dataset: D): D {
  const { name, shape, classes, attributes = [], splits, package: spec } = dataset.card;
  const problem = !/^[a-z0-9-]+$/.test(name)
    ? "the name must be lower-case letters, digits and hyphens"
    : (shapeProblem(shape) ??
      (classes.length > 256 ? "labels are bytes: at most 256 classes" : undefined) ??
      (attributes.some((word) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(word))
        ? "attributes are lower-case words joined by hyphens"
        : undefined) ??
      (spec && !/^sha512-[A-Za-z0-9+/]{86}==$/.test(spec.integrity) ? "the integrity must be a sha512 digest" : undefined) ??
      (splits.train < 1 || splits.test < 1 ? "both splits need pictures" : undefined));
  if (problem !== undefined) throw new UsageError({ what: `The data set "${name}" is not defined well: ${problem}.` });
  return dataset;
}

/** Why a shape cannot be a picture's, or undefined. */
export function shapeProblem(shape: ImageShape): string | undefined {
  if (shape.length !== 3 || !shape.every((size) => Number.isInteger(size) && size > 0))
    return "the shape must be [channels, height, width]";
  if (shape[0] !== 1 && shape[0] !== 3) return "pictures have 1 channel (grey) or 3 (red, green, blue)";
  if (shape[1] > 4096 || shape[2] > 4096) return "height and width must be at most 4096";
  return undefined;
}

/** The first `count` examples, without copying; the set itself where it has no more. @throws UsageError unless `count` is a positive integer. */
export function limitExamples(set: ExampleSet, count: number): ExampleSet {
  if (set.kind === "images") return limitImages(set, count);
  requireLimit(count, examplesNoun(set));
  if (set.kind !== "points") return limitTokens(set, count);
  if (count >= set.count) return set;
  return { ...set, count, points: set.points.subarray(0, count * set.shape[0]), labels: set.labels?.subarray(0, count) };
}

function requireLimit(count: number, noun: string): void {
  if (Number.isInteger(count) && count > 0) return;
  throw new UsageError({ what: `The limit must be a positive number of ${noun}.`, got: String(count) });
}

/** As {@link limitExamples}, of pictures. */
export function limitImages(set: ImageSet, count: number): ImageSet {
  requireLimit(count, "pictures");
  if (count >= set.count) return set;
  const size = set.images.length / set.count;
  const attributes = set.attributes && {
    ...set.attributes,
    values: set.attributes.values.subarray(0, count * set.attributes.names.length),
  };
  const [labels, names] = [set.labels?.subarray(0, count), set.names?.slice(0, count)];
  return { ...set, count, images: set.images.subarray(0, count * size), labels, names, attributes };
}
