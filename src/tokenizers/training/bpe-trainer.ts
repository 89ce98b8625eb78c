/**
 * Learning byte pair encoding (Sennrich et al., 2016, algorithm 1): join the most frequent pair of neighbours, again and again. Counts are kept per pair
 * and changed only in the words where a pair occurs; a heap gives the next pair. Of equally frequent pairs the one with the smaller ids is first, which
 * makes the merges those of Hugging Face's trainer.
 */
import { PairTable } from "../models/pair-table.ts";
import { alphabetOf, requireSize } from "./word-counts.ts";

export interface BpeTraining {
  /** Tokens wanted, special ones and single characters among them. */
  size: number;
  /** They get the first ids. */
  specialTokens: readonly string[];
  /** Characters that the vocabulary has even where the corpus lacks them. */
  initialAlphabet?: readonly string[] | undefined;
  /** At most so many characters, the most frequent ones. */
  limitAlphabet?: number | undefined;
  /** Pairs that are rarer are not joined. Default 0. */
  minFrequency?: number | undefined;
  /** What tokens inside a word begin with, such as `##`. */
  prefix?: string | undefined;
  /** What the last token of a word ends with, such as `</w>`. */
  suffix?: string | undefined;
}

export interface LearnedBpe {
  vocab: Record<string, number>;
  merges: [string, string][];
}

/** Learn merges from words and their counts. @throws UsageError when the size has no room for the characters. */
export function learnBpe(counts: ReadonlyMap<string, number>, options: BpeTraining): LearnedBpe {
  return new BpeTrainer(counts, options).train();
}

class BpeTrainer {
  readonly #options: BpeTraining;
  readonly #tokens: string[] = [];
  readonly #ids = new Map<string, number>();
  /** Symbols of all words, one after the other; joined ones move to the front of their word. */
  readonly #symbols: Int32Array;
  readonly #starts: Int32Array;
  readonly #lengths: Int32Array;
  readonly #wordCounts: Float64Array;
  /** From a pair to its number; the arrays below go by that number. */
  readonly #pairs = new PairTable(4096);
  readonly #a: number[] = [];
  readonly #b: number[] = [];
  readonly #count: number[] = [];
  /** Words in which a pair occurs, or did. */
  readonly #where: (number[] | undefined)[] = [];
  readonly #heap: PairHeap;

  constructor(counts: ReadonlyMap<string, number>, options: BpeTraining) {
    this.#options = options;
    this.#heap = new PairHeap(this.#a, this.#b);
    for (const token of options.specialTokens) this.#idOf(token);
    for (const char of alphabetOf(counts, { initial: options.initialAlphabet, limit: options.limitAlphabet })) this.#idOf(char);
    requireSize(options.size, this.#tokens.length);
    const symbols: number[] = [];
    this.#starts = new Int32Array(counts.size);
    this.#lengths = new Int32Array(counts.size);
    this.#wordCounts = Float64Array.from(counts.values());
    let w = 0;
    for (const word of counts.keys()) {
      this.#starts[w] = symbols.length;
      this.#addWord(word, symbols);
      this.#lengths[w] = symbols.length - this.#starts[w];
      w++;
    }
    this.#symbols = Int32Array.from(symbols);
  }

  train(): LearnedBpe {
    const { size, minFrequency = 0, prefix = "" } = this.#options;
    this.#countPairs();
    const merges: [string, string][] = [];
    while (this.#tokens.length < size) {
      const pair = this.#next();
      if (pair === undefined || this.#count[pair] < Math.max(1, minFrequency)) break;
      const [a, b] = [this.#a[pair], this.#b[pair]];
      const tail = this.#tokens[b];
      const joined = this.#idOf(this.#tokens[a] + (prefix !== "" && tail.startsWith(prefix) ? tail.slice(prefix.length) : tail));
      merges.push([this.#tokens[a], tail]);
      this.#join(pair, joined);
    }
    return { vocab: Object.fromEntries(this.#ids), merges };
  }

  #idOf(token: string): number {
    const known = this.#ids.get(token);
    if (known !== undefined) return known;
    this.#ids.set(token, this.#tokens.length);
    this.#tokens.push(token);
    return this.#tokens.length - 1;
  }

  /** Characters outside the alphabet are left out. */
  #addWord(word: string, symbols: number[]): void {
    const { prefix = "", suffix = "" } = this.#options;
    for (let at = 0; at < word.length; ) {
      const char = String.fromCodePoint(word.codePointAt(at)!);
      const [first, last] = [at === 0, at + char.length === word.length];
      at += char.length;
      if (!this.#ids.has(char)) continue;
      symbols.push(this.#idOf(`${first ? "" : prefix}${char}${last ? suffix : ""}`));
    }
  }

  #countPairs(): void {
    for (let w = 0; w < this.#starts.length; w++) {
      for (let i = this.#starts[w]; i + 1 < this.#starts[w] + this.#lengths[w]; i++)
        this.#change(this.#symbols[i], this.#symbols[i + 1], this.#wordCounts[w], w);
    }
    this.#count.forEach((count, pair) => {
      this.#heap.push(pair, count);
    });
  }

  /** @returns the pair's number */
  #change(a: number, b: number, by: number, word: number): number {
    const slot = this.#pairs.find(a, b);
    let pair = slot < 0 ? -1 : this.#pairs.first(slot);
    if (pair < 0) {
      pair = this.#count.length;
      this.#pairs.set(a, b, pair, 0);
      this.#a.push(a);
      this.#b.push(b);
      this.#count.push(0);
      this.#where.push([]);
    }
    this.#count[pair] += by;
    if (by <= 0) return pair;
    const where = this.#where[pair] ?? [];
    this.#where[pair] = where;
    if (where.at(-1) !== word) where.push(word);
    return pair;
  }

  /** The most frequent pair. Entries of the heap may be out of date: they are put back with what is true now. */
  #next(): number | undefined {
    for (;;) {
      const top = this.#heap.pop();
      if (top === undefined) return undefined;
      const count = this.#count[top.pair];
      if (count === top.count) return top.pair;
      if (count > 0) this.#heap.push(top.pair, count);
    }
  }

  #join(pair: number, joined: number): void {
    const [a, b] = [this.#a[pair], this.#b[pair]];
    const words = this.#where[pair] ?? [];
    this.#where[pair] = undefined;
    const grown = new Set<number>();
    for (const w of words) this.#joinInWord(w, a, b, joined, grown);
    this.#count[pair] = 0;
    for (const other of grown) if (this.#count[other] > 0) this.#heap.push(other, this.#count[other]);
  }

  #joinInWord(w: number, a: number, b: number, joined: number, grown: Set<number>): void {
    const symbols = this.#symbols;
    const start = this.#starts[w];
    const end = start + this.#lengths[w];
    const count = this.#wordCounts[w];
    let to = start;
    for (let i = start; i < end; to++) {
      if (symbols[i] !== a || i + 1 >= end || symbols[i + 1] !== b) {
        symbols[to] = symbols[i++];
        continue;
      }
      if (to > start) {
        this.#change(symbols[to - 1], a, -count, w);
        grown.add(this.#change(symbols[to - 1], joined, count, w));
      }
      i += 2;
      if (i < end) {
        this.#change(b, symbols[i], -count, w);
        grown.add(this.#change(joined, symbols[i], count, w));
      }
      symbols[to] = joined;
    }
    this.#lengths[w] = to - start;
  }
}

/** Pairs with the count they had when they were put in; the highest count first, then the smaller ids. */
class PairHeap {
  readonly #a: readonly number[];
  readonly #b: readonly number[];
  readonly #pairs: number[] = [];
  readonly #counts: number[] = [];

  constructor(a: readonly number[], b: readonly number[]) {
    this.#a = a;
    this.#b = b;
  }

  push(pair: number, count: number): void {
    let i = this.#pairs.length;
    this.#pairs.push(pair);
    this.#counts.push(count);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#before(pair, count, parent)) break;
      this.#move(parent, i);
      i = parent;
    }
    this.#put(i, pair, count);
  }

  pop(): { pair: number; count: number } | undefined {
    const [pair, count] = [this.#pairs[0], this.#counts[0]];
    const [last, lastCount] = [this.#pairs.pop(), this.#counts.pop()];
    if (last === undefined || lastCount === undefined) return undefined;
    const length = this.#pairs.length;
    if (length === 0) return { pair, count };
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#before(this.#pairs[child + 1], this.#counts[child + 1], child)) child++;
      if (this.#before(last, lastCount, child)) break;
      this.#move(child, i);
      i = child;
    }
    this.#put(i, last, lastCount);
    return { pair, count };
  }

  #before(pair: number, count: number, place: number): boolean {
    if (count !== this.#counts[place]) return count > this.#counts[place];
    const other = this.#pairs[place];
    return this.#a[pair] !== this.#a[other] ? this.#a[pair] < this.#a[other] : this.#b[pair] < this.#b[other];
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#pairs[from], this.#counts[from]);
  }

  #put(place: number, pair: number, count: number): void {
    this.#pairs[place] = pair;
    this.#counts[place] = count;
  }
}
