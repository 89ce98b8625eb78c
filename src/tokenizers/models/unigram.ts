/**
 * The unigram language model (Kudo, "Subword Regularization", 2018, arXiv:1804.10959, section 3.2): of all ways to cut a word into tokens, the one
 * whose tokens' log-probabilities add up to most, found by Viterbi's algorithm. What no token covers costs ten nats more than the rarest one.
 */
import { FileError } from "../../core/errors.ts";
import type { UnigramSpec } from "../spec.ts";
import { byteTokens, pushBytes, type TokenModel } from "./model.ts";
import { codePoints, Trie } from "./trie.ts";

const UNKNOWN_PENALTY = 10;

export class UnigramModel implements TokenModel {
  readonly tokens: readonly string[];
  readonly safeCuts: RegExp | undefined;
  readonly #ids: ReadonlyMap<string, number>;
  readonly #scores: Float64Array;
  readonly #trie: Trie;
  readonly #unknown: number | undefined;
  readonly #unknownScore: number;
  readonly #round: (score: number) => number;
  readonly #bytes: readonly number[] | undefined;

  /**
   * `skip` are ids that encoding never gives (control tokens). `singlePrecision` adds up in float32 from the text's begin, as SentencePiece does: it
   * decides between cuts of equal probability. @throws FileError when the unknown token's id is none.
   */
  constructor(spec: UnigramSpec, skip: ReadonlySet<number> = new Set(), singlePrecision = false) {
    this.#round = singlePrecision ? Math.fround : (score) => score;
    this.tokens = spec.vocab.map(([token]) => token);
    this.#ids = new Map(this.tokens.map((token, id) => [token, id]));
    this.#scores = Float64Array.from(spec.vocab, ([, score]) => score);
    this.#unknown = spec.unk_id ?? undefined;
    if (this.#unknown !== undefined && this.#unknown >= this.tokens.length) {
      throw new FileError({ what: "The tokenizer's unknown token is not in its vocabulary.", got: String(this.#unknown) });
    }
    this.#bytes = spec.byte_fallback ? byteTokens(this.#ids) : undefined;
    this.#trie = new Trie(4 * this.tokens.length);
    let least = Number.POSITIVE_INFINITY;
    this.tokens.forEach((token, id) => {
      least = Math.min(least, this.#scores[id]);
      if (token !== "" && id !== this.#unknown && !skip.has(id)) this.#trie.set(codePoints(token), id);
    });
    this.#unknownScore = least - UNKNOWN_PENALTY;
    const crosses = this.tokens.some((token) => /[^\u2581]\u2581/.test(token));
    this.safeCuts = singlePrecision || crosses || !this.#ids.has("\u2581") ? undefined : /\u2581+[^\u2581]*|[^\u2581]+/g;
  }

  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  encodeWord(word: string, out: number[]): void {
    const points = codePoints(word);
    const { from, ids } = this.#bestPath(points);
    const path: number[] = [];
    for (let end = points.length; end > 0; end = from[end]) path.push(end);
    let fused = "";
    const flush = () => {
      if (fused !== "") this.#pushUnknown(fused, out);
      fused = "";
    };
    for (const end of path.reverse()) {
      if (ids[end] < 0) fused += String.fromCodePoint(points[end - 1]);
      else {
        flush();
        out.push(ids[end]);
      }
    }
    flush();
  }

  /** For each end, where its best last token begins and its id (-1 unknown). */
  #bestPath(points: Int32Array): { from: Int32Array; ids: Int32Array } {
    const count = points.length;
    const [from, ids] = [new Int32Array(count + 1).fill(-1), new Int32Array(count + 1).fill(-1)];
    const best = new Float64Array(count + 1).fill(Number.NEGATIVE_INFINITY);
    best[0] = 0;
    const [trie, round] = [this.#trie, this.#round];
    const unknownScore = round(this.#unknownScore);
    for (let start = 0; start < count; start++) {
      let single = false;
      for (
        let [node, end] = [trie.step(0, points[start]), start + 1];
        node >= 0;
        node = end < count ? trie.step(node, points[end]) : -1, end++
      ) {
        const id = trie.value(node);
        if (id < 0) continue;
        single ||= end === start + 1;
        const score = round(best[start] + this.#scores[id]);
        if (score > best[end]) {
          best[end] = score;
          from[end] = start;
          ids[end] = id;
        }
      }
      if (!single && round(best[start] + unknownScore) > best[start + 1]) {
        best[start + 1] = round(best[start] + unknownScore);
        from[start + 1] = start;
        ids[start + 1] = -1;
      }
    }
    return { from, ids };
  }

  #pushUnknown(text: string, out: number[]): void {
    if (this.#bytes !== undefined) pushBytes(text, this.#bytes, out);
    else if (this.#unknown !== undefined) out.push(this.#unknown);
    else
      throw new FileError({ what: "The tokenizer met a character that it lacks, and it has no unknown token.", got: JSON.stringify(text) });
  }
}
