/** Texts as a model reads them: encoded by a run's tokenizer, out of text sets, files, folders, or token files. */
import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import path from "node:path";
import { FileError, UsageError } from "../../core/errors.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import type { Split } from "../dataset.ts";
import { beginToken, endToken } from "../text/ends.ts";
import type { TextCard, TextDocument, TextSet } from "../text/text-set.ts";
import { documentTokens, type TokenSource, tokensInMemory } from "../text/tokens.ts";
import {
  isWindow,
  type PairSet,
  type PairShape,
  partOf,
  type Tokenizers,
  type TokenSet,
  type TokenShape,
  type WindowSet,
  type WindowShape,
  windowSet,
} from "../token-set.ts";
import { type LoadTextOptions, loadText } from "./text.ts";
import { openTokenFile } from "./token-file.ts";

export interface LoadTokensOptions extends LoadTextOptions, Tokenizers {
  /** What the model takes. */
  shape: TokenShape;
}

/** SHA-256 of what a tokenizer is, as hexadecimal digits: the same for one that was learned and for its file. */
export function tokenizerDigest(tokenizer: Tokenizer): string {
  return createHash("sha256").update(JSON.stringify(tokenizer.toJson())).digest("hex");
}

/**
 * One split of a text set, of own texts or of a token file (or a folder with `train.bin` and `test.bin` or `val.bin`) as ids.
 * @throws UsageError for an empty corpus, a text shorter than the context, a vocabulary that does not fit, pairs where there are none; FileError
 */
export async function loadTokens(nameOrPath: string, options: LoadTokensOptions): Promise<TokenSet> {
  const { shape, tokenizer, sourceTokenizer, split = "train" } = options;
  requireVocabulary(tokenizer, shape.vocabulary, "vocabulary");
  if (sourceTokenizer !== undefined && !isWindow(shape))
    requireVocabulary(sourceTokenizer, shape.sourceVocabulary ?? shape.vocabulary, "sourceVocabulary");
  const file = await tokenFileOf(nameOrPath, split);
  if (file !== undefined) return await fromTokenFile(file, nameOrPath, split, options);
  const set = await loadText(nameOrPath, options);
  return isWindow(shape) ? encodeWindows(set, { shape, tokenizer }) : encodePairs(set, { shape, tokenizer, sourceTokenizer });
}

/** @throws UsageError where a tokenizer has more tokens than the model has rows for */
export function requireVocabulary(tokenizer: Tokenizer, vocabulary: number, setting: string): void {
  if (tokenizer.vocabularySize <= vocabulary) return;
  throw new UsageError({
    what: "The tokenizer does not fit the model's vocabulary.",
    got: `${tokenizer.vocabularySize} tokens`,
    expected: `at most ${vocabulary}`,
    hint: `train with --set ${setting}=${tokenizer.vocabularySize}, or leave it out: it follows the tokenizer`,
  });
}

function digestOf(documents: readonly TextDocument[]): string {
  const hash = createHash("sha256");
  for (const { text, target = "" } of documents) hash.update(JSON.stringify([text, target]));
  return `sha256-${hash.digest("base64")}`;
}

/** One long sequence of all documents, each followed by the tokenizer's end token, or a line's end where it has none. */
function encodeWindows(
  { documents, card, split, notes }: TextSet,
  { shape, tokenizer }: { shape: WindowShape; tokenizer: Tokenizer },
): WindowSet {
  const several = documents.length > 1;
  const end = endToken(tokenizer);
  const encode = (text: string) =>
    tokenizer.encode(several && end === undefined && !text.endsWith("\n") ? `${text}\n` : text, { addSpecialTokens: false });
  const parts = [...documentTokens(documents, encode, several ? end : undefined)];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const ids = new Int32Array(length);
  let at = 0;
  for (const part of parts) {
    ids.set(part, at);
    at += part.length;
  }
  const bytes = documents.reduce((sum, { text, target = "" }) => sum + Buffer.byteLength(text) + Buffer.byteLength(target), 0);
  const about = { card, split, shape, tokenizer, bytesPerToken: bytes / Math.max(1, length), digest: digestOf(documents), notes };
  return windowSet(tokensInMemory(ids, tokenizer.vocabularySize), about);
}

/** Ids of a text with its end token, and its begin token where one is asked for. */
type EncodeEnds = (text: string) => readonly number[];

/** @throws UsageError where the tokenizer has not what pairs need */
function withEnds(tokenizer: Tokenizer, begin: boolean): EncodeEnds {
  const [first, last] = [beginToken(tokenizer), endToken(tokenizer)];
  const pad = tokenizer.tokenOf(0);
  const padding = pad !== undefined && tokenizer.specialTokens.has(pad) && first !== 0 && last !== 0;
  if (last === undefined || (begin && first === undefined) || !padding) {
    throw new UsageError({
      what: "The tokenizer lacks tokens that pairs of texts need.",
      got: [...tokenizer.specialTokens.keys()].join(" ") || "no special tokens",
      expected: "a special token for padding as id 0, one that begins a text (<s>, [CLS]) and one that ends it (</s>, [SEP])",
    });
  }
  return (text) => [...(begin ? [first as number] : []), ...tokenizer.encode(text, { addSpecialTokens: false }), last];
}

/** Pairs as padded ids; those that do not fit are left out, with a note. */
function encodePairs(set: TextSet, { shape, tokenizer, sourceTokenizer }: { shape: PairShape } & Tokenizers): PairSet {
  const { documents, card, split, notes = [] } = set;
  if (!documents.some(({ target }) => target !== undefined)) {
    throw new UsageError({
      what: "The model learns from pairs of texts, and these data have none.",
      where: card.name,
      hint: "name the field or column of the target: --target NAME",
    });
  }
  const [encodeSource, encodeTarget] = [withEnds(sourceTokenizer ?? tokenizer, false), withEnds(tokenizer, true)];
  const rows = documents.flatMap(({ text, target }) =>
    target === undefined ? [] : [{ source: text, target, from: encodeSource(text), to: encodeTarget(target) }],
  );
  const kept = rows.filter(({ from, to }) => from.length <= shape.source && to.length <= shape.target);
  if (kept.length === 0) {
    throw new UsageError({
      what: "No pair of texts fits.",
      where: `${card.name}, ${split} split`,
      expected: `a source of at most ${shape.source} tokens and a target of at most ${shape.target}, end tokens included`,
      hint: "raise these settings of the model, or give shorter texts",
    });
  }
  const left = rows.length - kept.length;
  const note = `${left} of ${rows.length} pairs were left out: longer than ${shape.source} and ${shape.target} tokens`;
  const sources = new Int32Array(kept.length * shape.source);
  const targets = new Int32Array(kept.length * shape.target);
  let [bytes, tokens] = [0, 0];
  kept.forEach(({ from, to, target }, i) => {
    sources.set(from, i * shape.source);
    targets.set(to, i * shape.target);
    bytes += Buffer.byteLength(target);
    tokens += to.length - 1;
  });
  const texts = kept.map(({ source, target }) => ({ source, target }));
  return {
    ...{ kind: "pairs", card, split, shape, tokenizer, sourceTokenizer, sources, targets, texts, count: kept.length },
    ...{ bytesPerToken: bytes / tokens, digest: digestOf(documents), notes: left === 0 ? notes : [...notes, note] },
  };
}

/** The token file of a split: a `.bin` file itself, or `train.bin`, `test.bin` or `val.bin` in a folder. */
async function tokenFileOf(place: string, split: Split): Promise<{ file: string; whole: boolean } | undefined> {
  const info = await stat(place).catch(() => undefined);
  if (info?.isFile()) return (await beginsAsTokens(place)) ? { file: place, whole: true } : undefined;
  if (!info?.isDirectory()) return undefined;
  for (const name of split === "train" ? ["train.bin"] : ["test.bin", "val.bin"]) {
    const file = path.join(place, name);
    if ((await stat(file).catch(() => undefined))?.isFile() && (await beginsAsTokens(file))) return { file, whole: false };
  }
  return undefined;
}

async function beginsAsTokens(file: string): Promise<boolean> {
  const handle = await open(file, "r");
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 4 && buffer.toString("latin1") === "ATOK";
  } finally {
    await handle.close();
  }
}

/** Tokens that name a file: its first and last, as many as are quick to read. */
const NAMING = 1 << 18;

/** Windows of a token file, which stays open and is read by ranges. Of a single file the last tenth is held out. */
async function fromTokenFile(
  { file, whole }: { file: string; whole: boolean },
  name: string,
  split: Split,
  { shape, tokenizer }: LoadTokensOptions,
): Promise<WindowSet> {
  if (!isWindow(shape)) throw new UsageError({ what: "A token file is one long text, and the model learns from pairs.", where: file });
  const tokens = await openTokenFile(file);
  if (tokens.vocabularySize > shape.vocabulary || (tokens.tokenizer !== "" && !tokenizerDigest(tokenizer).startsWith(tokens.tokenizer))) {
    await tokens.close();
    throw new FileError({
      what: "The token file was made by another tokenizer.",
      where: file,
      got: `${tokens.vocabularySize} tokens${tokens.tokenizer === "" ? "" : `, digest ${tokens.tokenizer}`}`,
      expected: `${tokenizer.vocabularySize} tokens, digest ${tokenizerDigest(tokenizer).slice(0, 8)}`,
      hint: "give the tokenizer that made it: --tokenizer FILE",
    });
  }
  const cut = whole ? Math.floor(0.9 * tokens.length) : 0;
  const part = !whole ? tokens : split === "train" ? partOf(tokens, 0, cut) : partOf(tokens, cut, tokens.length - cut);
  const notes = part.length > 0 ? await bytesOf(part, tokenizer) : undefined;
  return windowSet(part, { card: tokenCard(name), split, shape, tokenizer, bytesPerToken: notes, digest: await digestOfTokens(part) });
}

/** Bytes a token, of the file's beginning: decoding all of it would take as long as it is. */
async function bytesOf(source: TokenSource, tokenizer: Tokenizer): Promise<number> {
  const ids = new Int32Array(Math.min(source.length, NAMING));
  await source.read(0, ids);
  return Buffer.byteLength(tokenizer.decode(ids, { skipSpecialTokens: true })) / ids.length;
}

async function digestOfTokens(source: TokenSource): Promise<string> {
  const ids = new Int32Array(Math.min(source.length, NAMING));
  const hash = createHash("sha256").update(String(source.length));
  for (const start of [0, source.length - ids.length]) {
    await source.read(start, ids);
    hash.update(new Uint8Array(ids.buffer));
  }
  return `sha256-${hash.digest("base64")}`;
}

function tokenCard(name: string): TextCard {
  return {
    ...{ name, title: name, summary: "Your own tokens.", source: name, licence: "your own", version: 1, kind: "documents" },
    ...{ splitNote: "Two files, or the last tenth of one.", bias: "Not known." },
  };
}
