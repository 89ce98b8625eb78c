/** Texts with labels: what a classifier of texts learns from, split so that no text is on both sides. Loads in a browser too. */
import { UsageError } from "../../core/errors.ts";
import { isHeldOut } from "../sets/parts.ts";
import { splitByKey, type TextDocument } from "./text-set.ts";

/** A text and what it is. */
export interface LabelledText extends TextDocument {
  label: string;
}

/** Both sides, with what was done to keep them apart. */
export interface LabelledSplits {
  train: LabelledText[];
  test: LabelledText[];
  /** In order: numbers by size, words by alphabet. */
  labels: string[];
  /** Texts that were left out: said before with the same label, or training texts that are held out as well. */
  repeated: number;
}

/** Of each label: training and held-out texts. */
export type LabelBalance = Record<string, { train: number; test: number }>;

/**
 * Documents with their labels checked.
 * @throws UsageError naming the first one without a text or a label, and where there is none at all
 */
export function requireLabelled(documents: readonly TextDocument[], where: string): LabelledText[] {
  if (documents.length === 0) throw new UsageError({ what: "There are no texts.", where });
  return documents.map((document) => {
    const { text, label, id } = document;
    if (text.trim() === "")
      throw new UsageError({
        what: "A text is empty: it cannot be of a class.",
        where: id,
        hint: "leave the line out, or give it its text",
      });
    if (label === undefined || label === "")
      throw new UsageError({
        what: "A text has no label.",
        where: id,
        expected: "lines with a text and a label",
        hint: "--field and --label-field name the columns",
      });
    return { ...document, label };
  });
}

/**
 * Hold out a tenth of each label's texts, by a hash of each text: at least one of a label that has two. Texts that are equal but for case and blanks
 * stay on one side, also where their labels differ.
 */
export function splitLabelled(texts: readonly LabelledText[]): LabelledSplits {
  const labelOf = new Map<string, string>();
  for (const text of texts) if (!labelOf.has(keyOf(text))) labelOf.set(keyOf(text), text.label);
  const splits: Pick<LabelledSplits, "train" | "test"> = { train: [], test: [] };
  // In an order of their own, so that the file's order moves no text to the other side.
  const ordered = [...texts].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0));
  for (const label of new Set(labelOf.values())) {
    const own = ordered.filter((text) => labelOf.get(keyOf(text)) === label);
    const alone = new Set(own.map(keyOf)).size === 1;
    const { train, test } = alone ? { train: own, test: [] } : (splitByKey(own) as { train: LabelledText[]; test: LabelledText[] });
    splits.train.push(...train);
    splits.test.push(...test);
  }
  if (splits.test.length === 0) {
    // Every label has one text: nothing can be held out without losing a label.
    const moved = splits.train.filter((text) => isHeldOut(keyOf(text)));
    splits.test.push(...(moved.length > 0 ? moved : splits.train.slice(-1)));
    splits.train = splits.train.filter((text) => !splits.test.includes(text));
  }
  return withoutRepeated(splits.train, splits.test);
}

/**
 * Both sides as they are given, without what is said twice: each text and label once a side, and no training text that is held out as well.
 */
export function withoutRepeated(train: readonly LabelledText[], test: readonly LabelledText[]): LabelledSplits {
  const once = (texts: readonly LabelledText[]) => [...new Map(texts.map((text) => [`${text.label}\n${contentOf(text)}`, text])).values()];
  const held = once(test);
  const contents = new Set(held.map(contentOf));
  const kept = once(train).filter((text) => !contents.has(contentOf(text)));
  const labels = orderedLabels([...kept, ...held]);
  return { train: kept, test: held, labels, repeated: train.length + test.length - kept.length - held.length };
}

/**
 * What cannot be learned or measured.
 * @throws UsageError for one label only, an empty side, and labels of the held-out part that training never sees
 */
export function requireLearnable({ train, test, labels }: LabelledSplits, where: string): void {
  const hint = "give more texts of each label";
  if (labels.length < 2)
    throw new UsageError({
      what: "There is one label only: nothing is to be told apart.",
      where,
      got: labels.join(", ") || "none",
      expected: "at least two",
    });
  if (train.length === 0 || test.length === 0)
    throw new UsageError({
      what: "There are too few different texts to learn from some and measure on others.",
      where,
      got: String(train.length + test.length),
      hint,
    });
  const seen = new Set(train.map(({ label }) => label));
  const unseen = labels.filter((label) => !seen.has(label));
  if (unseen.length === 0) return;
  throw new UsageError({
    what: "The held-out part has labels that no training text has.",
    where,
    got: shortList(unseen),
    expected: `of those that are learned: ${shortList([...seen])}`,
    hint,
  });
}

/** How many texts of each label there are on either side. */
export function labelBalance({ train, test, labels }: Pick<LabelledSplits, "train" | "test" | "labels">): LabelBalance {
  const count = (texts: readonly LabelledText[], label: string) => texts.filter((text) => text.label === label).length;
  return Object.fromEntries(labels.map((label) => [label, { train: count(train, label), test: count(test, label) }]));
}

/**
 * Long texts as passages of whole lines, each of at most so many tokens; a line that is longer alone is cut between words. All have their text's label
 * and key. What is left at a text's end and is shorter than a quarter of that is left out, unless it is all there is.
 * @param measure tokens of a text
 */
export function passages(texts: readonly LabelledText[], most: number, measure: (text: string) => number): LabelledText[] {
  return texts.flatMap((document) => {
    const parts: string[] = [];
    let [held, size]: [string[], number] = [[], 0];
    const close = () => {
      if (held.length > 0) parts.push(held.join("\n"));
      [held, size] = [[], 0];
    };
    for (const line of document.text.split("\n").flatMap((whole) => linesWithin(whole, most, measure))) {
      const tokens = measure(line);
      if (size + tokens > most) close();
      held.push(line);
      size += tokens;
    }
    if (parts.length === 0 || size >= most / 4) close();
    return parts.map((text, i) => ({ ...document, id: `${document.id}, passage ${i + 1}`, key: keyOf(document), text }));
  });
}

/** A line as pieces of at most so many tokens, halved between words until they are short enough. */
function linesWithin(line: string, most: number, measure: (text: string) => number): string[] {
  if (line.trim() === "") return [];
  if (measure(line) <= most) return [line];
  const words = line.trim().split(/\s+/);
  if (words.length < 2) return [line];
  const half = Math.ceil(words.length / 2);
  return [words.slice(0, half), words.slice(half)].flatMap((part) => linesWithin(part.join(" "), most, measure));
}

/** Different labels: numbers by size, words by alphabet. */
export function orderedLabels(texts: readonly { label: string }[]): string[] {
  const all = [...new Set(texts.map(({ label }) => label))];
  const numbers = all.every((label) => /^-?\d+(\.\d+)?$/.test(label));
  return all.sort(numbers ? (a, b) => Number(a) - Number(b) : (a, b) => (a < b ? -1 : 1));
}

/** At most twelve names, and how many more there are. */
export function shortList(names: readonly string[]): string {
  return names.length > 12 ? `${names.slice(0, 12).join(", ")} and ${names.length - 12} more` : names.join(", ");
}

function keyOf({ key, id }: TextDocument): string {
  return key ?? id;
}

function contentOf({ text }: TextDocument): string {
  return text.toLowerCase().replace(/\s+/g, " ").trim();
}
