/**
 * Byte pair encoding (Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword Units", 2016, arXiv:1508.07909): begin with
 * the characters of a word, join the pair of neighbours that was learned first, leftmost where there are several, until none is known.
 */
import { FileError } from "../../core/errors.ts";
import type { BpeSpec } from "../spec.ts";
import { byteTokens, pushBytes, type TokenModel, tokensById } from "./model.ts";
import { PairTable } from "./pair-table.ts";

/** Below this many symbols, looking through all pairs beats a heap. */
const SHORT = 32;

export class BpeModel implements TokenModel {
  readonly tokens: readonly (string | undefined)[];
  readonly safeCuts: RegExp | undefined;
  readonly #vocab: ReadonlyMap<string, number>;
  /** From a pair of ids: its rank, and the id of both joined. */
  readonly #merges: PairTable;
  readonly #bytes: readonly number[] | undefined;
  readonly #unknown: number | undefined;
  readonly #spec: Omit<BpeSpec, "vocab" | "merges">;

  /** @throws FileError when merges do not fit the vocabulary. */
  constructor(spec: BpeSpec) {
    const vocab = new Map(Object.entries(spec.vocab));
    const { vocab: _vocab, merges: _merges, ...rest } = spec;
    this.#spec = rest;
    this.#vocab = vocab;
    this.tokens = tokensById(vocab);
    const pairs = spec.merges.map((merge, i) => readMerge(merge, i));
    this.#merges = mergeTable(pairs, vocab, spec.continuing_subword_prefix ?? "");
    this.#bytes = spec.byte_fallback ? byteTokens(vocab) : undefined;
    this.#unknown = spec.unk_token === null || spec.unk_token === undefined ? undefined : vocab.get(spec.unk_token);
    const crosses =
      pairs.some(([a, b]) => b.startsWith("\u2581") && !a.endsWith("\u2581")) ||
      pairs.some(([a, b]) => /[^\u2581]\u2581/.test(a) || /[^\u2581]\u2581/.test(b));
    const whole = spec.continuing_subword_prefix || spec.end_of_word_suffix || spec.ignore_merges;
    // No token reaches over the begin of a word, so texts can be cut there: the same ids, and each word is worked out once.
    this.safeCuts = crosses || whole || !vocab.has("\u2581") ? undefined : /\u2581+[^\u2581]*|[^\u2581]+/g;
  }

  idOf(token: string): number | undefined {
    return this.#vocab.get(token);
  }

  encodeWord(word: string, out: number[]): void {
    const whole = this.#spec.ignore_merges ? this.#vocab.get(word) : undefined;
    if (whole !== undefined) {
      out.push(whole);
      return;
    }
    const symbols = this.#symbols(word);
    if (symbols.length <= SHORT) this.#mergeShort(symbols, out);
    else this.#mergeLong(symbols, out);
  }

  /** The ids of the word's characters: those it has, else bytes, else the unknown token (once for neighbours where `fuse_unk` says so), else nothing. */
  #symbols(word: string): number[] {
    const { continuing_subword_prefix: prefix, end_of_word_suffix: suffix, fuse_unk } = this.#spec;
    const symbols: number[] = [];
    let afterUnknown = false;
    const plain = !prefix && !suffix;
    for (let at = 0; at < word.length; ) {
      const char = String.fromCodePoint(word.codePointAt(at)!);
      const [first, last] = [at === 0, at + char.length === word.length];
      at += char.length;
      const id = this.#vocab.get(plain ? char : `${first ? "" : (prefix ?? "")}${char}${last ? (suffix ?? "") : ""}`);
      if (id !== undefined) symbols.push(id);
      else if (this.#bytes !== undefined) pushBytes(char, this.#bytes, symbols);
      else if (this.#unknown !== undefined && !(fuse_unk && afterUnknown)) symbols.push(this.#unknown);
      afterUnknown = id === undefined && this.#bytes === undefined;
    }
    return symbols;
  }

  #mergeShort(symbols: number[], out: number[]): void {
    const merges = this.#merges;
    let length = symbols.length;
    for (;;) {
      let [best, at, joined] = [Number.MAX_SAFE_INTEGER, -1, -1];
      for (let i = 0; i + 1 < length; i++) {
        const slot = merges.find(symbols[i], symbols[i + 1]);
        if (slot < 0 || merges.first(slot) >= best) continue;
        [best, at, joined] = [merges.first(slot), i, merges.second(slot)];
      }
      if (at < 0) break;
      symbols[at] = joined;
      length--;
      for (let i = at + 1; i < length; i++) symbols[i] = symbols[i + 1];
    }
    for (let i = 0; i < length; i++) out.push(symbols[i]);
  }

  /** A linked list of symbols, and a heap of (rank, place) of its pairs; what a merge made stale is passed by. */
  #mergeLong(symbols: number[], out: number[]): void {
    const merges = this.#merges;
    const count = symbols.length;
    const next = Int32Array.from({ length: count }, (_, i) => (i + 1 < count ? i + 1 : -1));
    const previous = Int32Array.from({ length: count }, (_, i) => i - 1);
    const heap = new RankHeap();
    const offer = (i: number) => {
      if (i < 0 || next[i] < 0) return;
      const slot = merges.find(symbols[i], symbols[next[i]]);
      if (slot >= 0) heap.push(merges.first(slot) * count + i);
    };
    for (let i = 0; i < count; i++) offer(i);
    for (let key = heap.pop(); key !== undefined; key = heap.pop()) {
      const rank = Math.floor(key / count);
      const i = key - rank * count;
      const j = next[i];
      if (symbols[i] < 0 || j < 0) continue;
      const slot = merges.find(symbols[i], symbols[j]);
      if (slot < 0 || merges.first(slot) !== rank) continue;
      symbols[i] = merges.second(slot);
      symbols[j] = -1;
      next[i] = next[j];
      if (next[j] >= 0) previous[next[j]] = i;
      offer(previous[i]);
      offer(i);
    }
    for (let i = 0; i >= 0 && count > 0; i = next[i]) out.push(symbols[i]);
  }
}

function readMerge(merge: string | readonly [string, string], index: number): readonly [string, string] {
  if (typeof merge !== "string") return merge;
  const parts = merge.split(" ");
  if (parts.length === 2) return [parts[0], parts[1]];
  throw new FileError({ what: "A merge of the tokenizer is not two tokens.", where: `merge ${index}`, got: JSON.stringify(merge) });
}

function mergeTable(pairs: readonly (readonly [string, string])[], vocab: ReadonlyMap<string, number>, prefix: string): PairTable {
  const table = new PairTable(pairs.length);
  pairs.forEach(([a, b], rank) => {
    const joined = a + (prefix !== "" && b.startsWith(prefix) ? b.slice(prefix.length) : b);
    const ids = [a, b, joined].map((token) => vocab.get(token));
    const missing = ids.indexOf(undefined);
    if (missing >= 0) {
      const got = [a, b, joined][missing];
      throw new FileError({
        what: "A merge of the tokenizer needs a token that its vocabulary lacks.",
        where: `merge ${rank}`,
        got: JSON.stringify(got),
      });
    }
    table.set(ids[0]!, ids[1]!, rank, ids[2]!);
  });
  return table;
}

/** A binary heap of numbers, the smallest first. */
class RankHeap {
  readonly #keys: number[] = [];

  push(key: number): void {
    const keys = this.#keys;
    let i = keys.length;
    keys.push(key);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (keys[parent] <= key) break;
      keys[i] = keys[parent];
      i = parent;
    }
    keys[i] = key;
  }

  pop(): number | undefined {
    const keys = this.#keys;
    const top = keys[0];
    const last = keys.pop();
    if (keys.length === 0 || last === undefined) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= keys.length) break;
      if (child + 1 < keys.length && keys[child + 1] < keys[child]) child++;
      if (keys[child] >= last) break;
      keys[i] = keys[child];
      i = child;
    }
    keys[i] = last;
    return top;
  }
}
