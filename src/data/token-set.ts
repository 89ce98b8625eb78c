/** Text as a model reads it: windows of one long sequence of token ids, or pairs of a source and a target. Loads in a browser too. */
import { UsageError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import type { Split } from "./dataset.ts";
import type { TextCard } from "./text/text-set.ts";
import type { TokenSource } from "./text/tokens.ts";

/** A language model's example: a window of T tokens, and the token after each. */
export interface WindowShape {
  /** T, the context. */
  readonly tokens: number;
  /** Ids are below this. */
  readonly vocabulary: number;
}

/** A sequence-to-sequence model's example: two texts, padded at their ends with id 0. */
export interface PairShape {
  /** S, tokens of a source with its end token. */
  readonly source: number;
  /** T, tokens of a target with its begin and end tokens. */
  readonly target: number;
  /** Ids of the target are below this; of the source too, where it has no tokenizer of its own. */
  readonly vocabulary: number;
  /** Ids of the source are below this, where it has a tokenizer of its own. */
  readonly sourceVocabulary?: number | undefined;
}

export type TokenShape = WindowShape | PairShape;

/** Whether a shape is of text. */
export function isText(shape: readonly number[] | TokenShape): shape is TokenShape {
  return !Array.isArray(shape);
}

/** Whether a shape is of windows of one long text. */
export function isWindow(shape: readonly number[] | TokenShape): shape is WindowShape {
  return "tokens" in shape;
}

/** What turns texts into ids. */
export interface Tokenizers {
  readonly tokenizer: Tokenizer;
  /** Of the sources of pairs, where they have one of their own. */
  readonly sourceTokenizer?: Tokenizer | undefined;
}

interface AnyTokenSet extends Partial<Tokenizers> {
  card: TextCard;
  split: Split;
  /** Examples. */
  count: number;
  /** Bytes of the text as UTF-8 per token (of the targets, for pairs); not known of token files without a tokenizer. */
  bytesPerToken?: number | undefined;
  /** Names exactly this text: what a resumed run compares. */
  digest: string;
  notes?: readonly string[] | undefined;
  // What pictures may have and texts have not.
  labels?: undefined;
  classes?: undefined;
  attributes?: undefined;
  names?: undefined;
}

/** One long text, of which windows of T + 1 tokens are examples. */
export interface WindowSet extends AnyTokenSet {
  kind: "tokens";
  shape: WindowShape;
  source: TokenSource;
  /** [N], where each window begins; absent where they follow one another without overlap, each T tokens on. */
  starts?: ArrayLike<number> | undefined;
}

/** Pairs of texts as padded ids. */
export interface PairSet extends AnyTokenSet {
  kind: "pairs";
  shape: PairShape;
  /** [N, S] */
  sources: Int32Array;
  /** [N, T] */
  targets: Int32Array;
  /** [N], every target that is right for a source, where the data list several; else the one. */
  texts: readonly { readonly source: string; readonly target: string }[];
}

/** Text of one split as ids. */
export type TokenSet = WindowSet | PairSet;

/** Windows of `shape.tokens` of a sequence, one after the other: N = (tokens - 1) / T, rounded down. @throws UsageError where not even one fits */
export function windowSet(source: TokenSource, about: Omit<WindowSet, "kind" | "source" | "count">): WindowSet {
  const { tokens } = about.shape;
  const count = about.starts?.length ?? Math.floor((source.length - 1) / tokens);
  if (count < 1) {
    throw new UsageError({
      what: "The text is shorter than the context.",
      where: `${about.card.name}, ${about.split} split`,
      got: `${source.length} tokens`,
      expected: `at least ${tokens + 1}: a context of ${tokens}, and the token after it`,
      hint: "choose a shorter context (--set), or give more text",
    });
  }
  return { ...about, kind: "tokens", source, count };
}

/**
 * So many windows at random places, the same for each seed: what nanoGPT measures its losses on (there 200 batches of 12).
 * @throws UsageError for pairs, and unless `count` is a positive integer
 */
export function randomWindows(set: TokenSet, count: number, seed: number | string): WindowSet {
  if (set.kind !== "tokens") throw new UsageError({ what: "Random windows are of one long text, and these data are pairs." });
  if (!Number.isInteger(count) || count < 1) {
    throw new UsageError({ what: "The number of random windows must be a positive integer.", got: String(count) });
  }
  const stream = new RandomStream(seed, "random windows");
  const starts = Float64Array.from({ length: count }, () => stream.below(set.source.length - set.shape.tokens));
  return { ...set, starts, count };
}

/** The first `count` examples, without copying. */
export function limitTokens(set: TokenSet, count: number): TokenSet {
  if (count >= set.count) return set;
  if (set.kind === "pairs") {
    const { source, target } = set.shape;
    const [sources, targets] = [set.sources.subarray(0, count * source), set.targets.subarray(0, count * target)];
    return { ...set, count, sources, targets, texts: set.texts.slice(0, count) };
  }
  if (set.starts !== undefined) return { ...set, count, starts: Array.from(set.starts).slice(0, count) };
  return { ...set, count, source: beginningOf(set.source, count * set.shape.tokens + 1) };
}

/** The first tokens of a sequence. */
export function beginningOf(source: TokenSource, length: number): TokenSource {
  return { ...partOf(source, 0, length) };
}

/** Tokens `start` to `start + length` of a sequence, without copying. */
export function partOf(source: TokenSource, start: number, length: number): TokenSource {
  const { vocabularySize } = source;
  const check = (at: number, count: number) => {
    if (at >= 0 && at + count <= length) return;
    throw new UsageError({ what: "The tokens asked for are not there.", got: `${count} from ${at}`, expected: `within 0 to ${length}` });
  };
  return {
    length,
    vocabularySize,
    read(at, target) {
      check(at, target.length);
      return source.read(start + at, target);
    },
    readSync(at, target) {
      check(at, target.length);
      source.readSync(start + at, target);
    },
  };
}

/** Row `row` of [B, T + 1]: the window that begins at token `start`. */
export function writeWindow(set: WindowSet, start: number, tokens: Int32Array, row: number): void {
  const size = set.shape.tokens + 1;
  set.source.readSync(start, tokens.subarray(row * size, (row + 1) * size));
}

/** Where a set's window begins. */
export function startOf({ starts, shape }: WindowSet, index: number): number {
  return starts === undefined ? index * shape.tokens : starts[index];
}
