/** Texts with labels from a named set, a file, a folder or an address. */
import { UsageError } from "../../core/errors.ts";
import {
  type LabelledSplits,
  type LabelledText,
  passages,
  requireLabelled,
  requireLearnable,
  splitLabelled,
  withoutRepeated,
} from "../text/labelled.ts";
import { textSetNamed } from "../text/sets/index.ts";
import { type LoadTextOptions, loadText } from "./text.ts";

/** How long passages may be, in tokens. */
export interface PassageCut {
  most: number;
  /** Tokens of a text, without special ones. */
  measure: (text: string) => number;
}

export interface LoadLabelledOptions extends Omit<LoadTextOptions, "split" | "targetField"> {
  /** A file with the texts to measure on. Default: a tenth of the texts, or what the named set holds out. */
  test?: string | undefined;
  /** Cut texts into passages; undefined leaves them whole. */
  passages?: PassageCut | undefined;
}

/**
 * Texts with labels, split into those to learn from and those to measure on, with no text on both sides. A named set (`brown`, whose labels are genres) has
 * its own split.
 * @throws UsageError for texts without labels, one label only, an empty text, and labels that only the held-out part has; FileError as {@link loadText}
 */
export async function loadLabelled(data: string, { test, passages: cut, ...options }: LoadLabelledOptions = {}): Promise<LabelledSplits> {
  const all = async (place: string) =>
    requireLabelled([...(await read(place, "train", options)), ...(await read(place, "test", options))], place);
  const short = (texts: LabelledText[]) => (cut === undefined ? texts : passages(texts, cut.most, cut.measure));
  let splits: LabelledSplits;
  if (test !== undefined) splits = withoutRepeated(short(await all(data)), short(await all(test)));
  else if (textSetNamed(data) !== undefined) {
    const side = async (split: "train" | "test") => short(requireLabelled(await read(data, split, options), data));
    splits = withoutRepeated(await side("train"), await side("test"));
  } else splits = splitLabelled(short(await all(data)));
  requireLearnable(splits, data);
  return splits;
}

/** All texts of a file with their labels, or those that a named set holds out, as they stand there. @throws UsageError, FileError as {@link loadLabelled} */
export async function loadLabelledTexts(
  data: string,
  { passages: cut, ...options }: Omit<LoadLabelledOptions, "test"> = {},
): Promise<LabelledText[]> {
  const held = await read(data, "test", options);
  const texts = requireLabelled(textSetNamed(data) === undefined ? [...(await read(data, "train", options)), ...held] : held, data);
  return cut === undefined ? texts : passages(texts, cut.most, cut.measure);
}

async function read(place: string, split: "train" | "test", { labelField = "label", ...options }: Omit<LoadTextOptions, "split">) {
  const { documents, card } = await loadText(place, { ...options, labelField, split });
  if (card.kind === "pairs") throw new UsageError({ what: "These texts are pairs: they have no labels of classes.", where: place });
  if (textSetNamed(place) !== undefined && documents.some(({ label }) => label === undefined))
    throw new UsageError({ what: "The texts of this set have no labels.", where: place, expected: "brown, or a file of your own" });
  return documents;
}
