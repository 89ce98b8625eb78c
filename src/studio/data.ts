/** What the pages about data and the server tell each other. */

export type DataKind = "pictures" | "points" | "text" | "pairs";

/** One thing that can be chosen behind the name of a set that is made here, as `moons:noise=20`. */
export interface DataParameter {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly standard: number;
  readonly about: string;
}

/** A data set as the list shows it. */
export interface DataEntry {
  /** Names it in routes and in orders: `mnist`, `moons:noise=20`, or `own:cats` for a folder that was uploaded. */
  readonly name: string;
  readonly title: string;
  readonly kind: DataKind;
  readonly summary: string;
  readonly source: string;
  readonly licence: string;
  /** Known bias and limits. */
  readonly bias: string;
  readonly splitNote?: string | undefined;
  /** Examples per split, where that is known beforehand. */
  readonly splits?: { readonly train: number; readonly test: number } | undefined;
  /** [C, H, W] or [D]. */
  readonly shape?: readonly number[] | undefined;
  readonly classes: readonly string[];
  readonly attributes: readonly string[];
  /** The density in a line of text, of points. */
  readonly formula?: string | undefined;
  /** What preparing it fetches, in bytes; absent where nothing is fetched. */
  readonly downloadBytes?: number | undefined;
  /** Whether it can be looked at and trained on without waiting. */
  readonly prepared: boolean;
  /** Bytes on the disk. */
  readonly bytes?: number | undefined;
  /** Whether it was uploaded here. */
  readonly own: boolean;
  /** What `--data` takes on the command line. */
  readonly use: string;
  readonly parameters: readonly DataParameter[];
  /** Why it cannot be used, where it cannot. */
  readonly broken?: string | undefined;
  readonly notes: readonly string[];
}

/** A bar of a bar chart. */
export interface Count {
  readonly name: string;
  readonly count: number;
}

export interface PictureOverview {
  readonly kind: "pictures";
  readonly count: number;
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Pictures of each class. */
  readonly labels: readonly Count[];
  /** Pictures with each attribute. */
  readonly attributes: readonly Count[];
  /** Mean and standard deviation of each channel, 0 to 1. */
  readonly channels: readonly { readonly mean: number; readonly deviation: number }[];
  readonly notes: readonly string[];
}

export interface PointOverview {
  readonly kind: "points";
  readonly count: number;
  readonly labels: readonly Count[];
  /** The first points, x and y in turn, and the class of each. */
  readonly points: readonly number[];
  readonly classes: readonly number[];
  readonly bounds: { readonly x: readonly [number, number]; readonly y: readonly [number, number] };
  /** The density at the middles of cells, 0 to 255 of the largest, the top row first. */
  readonly density: { readonly columns: number; readonly rows: number; readonly values: readonly number[] };
  /** -E log p in nats: the mean negative log-likelihood of the truth. */
  readonly entropy: number;
  readonly notes: readonly string[];
}

export interface Bin {
  /** From this on, and below `to`; the last one holds `to`, too. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

export interface TextOverview {
  readonly kind: "text" | "pairs";
  /** Documents or pairs. */
  readonly count: number;
  readonly characters: number;
  /** As UTF-8: tokens of a tokenizer of bytes. */
  readonly bytes: number;
  /** Different characters: the vocabulary of a tokenizer of characters. */
  readonly distinctCharacters: number;
  readonly words: number;
  readonly distinctWords: number;
  /** Characters of a document; of pairs, of the source. */
  readonly lengths: readonly Bin[];
  /** The most frequent words. */
  readonly frequent: readonly Count[];
  /** What documents are, where the set says it. */
  readonly labels: readonly Count[];
  readonly notes: readonly string[];
}

export type DataOverview = PictureOverview | PointOverview | TextOverview;

/** One picture of a page. */
export interface PictureItem {
  /** Its place in the split. */
  readonly index: number;
  readonly label?: string | undefined;
  /** What it shows, of its attributes. */
  readonly attributes?: readonly string[] | undefined;
  readonly name?: string | undefined;
}

/** A page of pictures; the pictures themselves are one PNG, the atlas, row after row. */
export interface PicturePage {
  readonly kind: "pictures";
  /** Pictures that the filter leaves. */
  readonly total: number;
  readonly offset: number;
  /** Pictures in a row of the atlas. */
  readonly columns: number;
  readonly width: number;
  readonly height: number;
  readonly items: readonly PictureItem[];
}

export interface TextItem {
  readonly index: number;
  readonly id: string;
  /** Its beginning. */
  readonly text: string;
  readonly target?: string | undefined;
  readonly label?: string | undefined;
  readonly characters: number;
}

export interface TextPage {
  readonly kind: "text" | "pairs";
  readonly total: number;
  readonly offset: number;
  readonly items: readonly TextItem[];
}

export type DataPage = PicturePage | TextPage;

/** What is there more than once. */
export interface Repetitions {
  /** Examples of the training split that an earlier one equals. */
  readonly copies: number;
  /** Held-out examples that also are in training: what leaks. */
  readonly leaks: number;
  /** Some of the repeated ones: indices of pictures, or names of texts; the overlap is 1 where they are equal. */
  readonly examples: readonly { readonly first: string; readonly second: string; readonly overlap: number }[];
}

/** Which examples of a split are shown. */
export interface DataFilter {
  readonly split: "train" | "test";
  readonly offset: number;
  readonly count: number;
  /** An index into the classes. */
  readonly label?: number | undefined;
  /** An index into the attributes, and whether pictures with it or without it are shown. */
  readonly attribute?: number | undefined;
  readonly has: boolean;
  /** In a fixed order that mixes all, rather than as stored. */
  readonly mixed: boolean;
}

/** The address of a set's route. @param rest what follows the name, with a slash */
export function dataPath(name: string, rest = ""): string {
  return `/api/data/${encodeURIComponent(name)}${rest}`;
}

/** The query of a filter, with `?`. */
export function filterQuery({ split, offset, count, label, attribute, has, mixed }: DataFilter): string {
  const query = new URLSearchParams({ split, offset: String(offset), count: String(count) });
  if (label !== undefined) query.set("label", String(label));
  if (attribute !== undefined) query.set("attribute", String(attribute));
  if (attribute !== undefined && !has) query.set("has", "no");
  if (mixed) query.set("mixed", "yes");
  return `?${query}`;
}
