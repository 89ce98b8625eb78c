/**
 * Learning a unigram vocabulary (Kudo, 2018, section 3.2): begin with all frequent pieces of words, fit their probabilities by expectation maximisation,
 * throw out those whose loss costs the corpus least, and so on until the wanted size. Thresholds, the digamma step and the way to estimate what a piece
 * is worth are SentencePiece's (unigram_model_trainer.cc).
 */
import { codePoints, Trie } from "../models/trie.ts";
import { seedPieces } from "./unigram-seeds.ts";
import { alphabetOf, requireSize } from "./word-counts.ts";

export interface UnigramTraining {
  /** Pieces wanted, single characters among them; special tokens are not counted. */
  size: number;
  /** Code points in a piece, at most. Default 16. */
  longest?: number | undefined;
  /** Pieces to begin with, at most. Default 1,000,000. */
  seeds?: number | undefined;
  /** Share that is kept when pruning. Default 0.75. */
  keep?: number | undefined;
  /** At most so many characters, the most frequent ones. */
  limitAlphabet?: number | undefined;
  onProgress?: ((message: string) => void) | undefined;
}

export interface Piece {
  text: string;
  /** Log-probability in nats. */
  score: number;
}

/** Fewer expected occurrences than this, and a piece goes. */
const LEAST_EXPECTED = 0.5;
/** Longer words are cut: what they would add to a sum of probabilities leaves the range of numbers. */
const LONGEST_WORD = 300;
/** Nats a character that probabilities are scaled by, so that sums over long words stay in range; it cancels. */
const SCALE = 2.5;

/** Learn pieces from words and their counts, the most probable first. @throws UsageError when the size has no room for the characters. */
export function learnUnigram(counts: ReadonlyMap<string, number>, options: UnigramTraining): Piece[] {
  const { size, longest = 16, seeds = 1_000_000, keep = 0.75, onProgress } = options;
  const required = alphabetOf(counts, { limit: options.limitAlphabet });
  requireSize(size, required.length);
  const words = cutWords(counts);
  let pieces = seedPieces(words, { longest, most: seeds, required });
  const wanted = Math.floor(size * 1.1);
  for (;;) {
    for (let step = 0; step < 2; step++) pieces = maximise(pieces, expected(pieces, words));
    onProgress?.(`${pieces.length} pieces`);
    if (pieces.length <= wanted) break;
    pieces = prune(pieces, words, Math.max(wanted, Math.floor(keep * pieces.length)));
  }
  return finish(pieces, required, size);
}

/** Words as code points, with their counts. */
export interface CountedWord {
  points: Int32Array;
  count: number;
}

function cutWords(counts: ReadonlyMap<string, number>): CountedWord[] {
  const words: CountedWord[] = [];
  for (const [word, count] of counts) {
    const points = codePoints(word);
    for (let at = 0; at < points.length; at += LONGEST_WORD) words.push({ points: points.slice(at, at + LONGEST_WORD), count });
  }
  return words;
}

interface Lexicon {
  trie: Trie;
  points: Int32Array[];
  scores: Float64Array;
}

function lexicon(pieces: readonly Piece[]): Lexicon {
  const trie = new Trie(4 * pieces.length);
  const points = pieces.map(({ text }) => codePoints(text));
  points.forEach((piece, id) => {
    trie.set(piece, id);
  });
  return { trie, points, scores: Float64Array.from(pieces, ({ score }) => score) };
}

/** How often each piece is expected to be used, over all ways to cut each word (forward and backward sums). */
function expected(pieces: readonly Piece[], words: readonly CountedWord[]): Float64Array {
  const { trie, points, scores } = lexicon(pieces);
  const weights = scores.map((score, id) => Math.exp(score + SCALE * points[id].length));
  const sums = new Float64Array(pieces.length);
  const [forward, backward] = [new Float64Array(LONGEST_WORD + 1), new Float64Array(LONGEST_WORD + 1)];
  const [starts, ends, ids]: [number[], number[], number[]] = [[], [], []];
  for (const { points: word, count } of words) {
    const length = word.length;
    let edges = 0;
    forward.fill(0, 0, length + 1)[0] = 1;
    for (let start = 0; start < length; start++) {
      if (forward[start] === 0) continue;
      for (
        let [node, end] = [trie.step(0, word[start]), start + 1];
        node >= 0;
        node = end < length ? trie.step(node, word[end]) : -1, end++
      ) {
        const id = trie.value(node);
        if (id < 0) continue;
        forward[end] += forward[start] * weights[id];
        starts[edges] = start;
        ends[edges] = end;
        ids[edges++] = id;
      }
    }
    if (!(forward[length] > 0)) continue;
    backward.fill(0, 0, length + 1)[length] = 1;
    for (let e = edges - 1; e >= 0; e--) backward[starts[e]] += backward[ends[e]] * weights[ids[e]];
    const factor = count / forward[length];
    for (let e = 0; e < edges; e++) sums[ids[e]] += factor * forward[starts[e]] * weights[ids[e]] * backward[ends[e]];
  }
  return sums;
}

/** The Bayesian step of SentencePiece: log-probabilities from digamma of the expected counts, which favours few pieces. */
function maximise(pieces: readonly Piece[], counts: Float64Array): Piece[] {
  const kept: { text: string; count: number }[] = [];
  let sum = 0;
  pieces.forEach(({ text }, id) => {
    if (counts[id] < LEAST_EXPECTED) return;
    kept.push({ text, count: counts[id] });
    sum += counts[id];
  });
  const all = digamma(sum);
  return kept.map(({ text, count }) => ({ text, score: digamma(count) - all }));
}

/** Keep the pieces without which the likelihood would suffer most. */
function prune(pieces: readonly Piece[], words: readonly CountedWord[], size: number): Piece[] {
  const lex = lexicon(pieces);
  const used = new Float64Array(pieces.length);
  for (const { points, count } of words) for (const id of bestCut(points, lex, -1)) used[id] += count;
  const sum = used.reduce((a, b) => a + b, 0);
  const kept: Piece[] = [];
  const candidates: { piece: Piece; loss: number }[] = [];
  pieces.forEach((piece, id) => {
    const points = lex.points[id];
    const instead = points.length === 1 ? [] : bestCut(points, lex, id);
    const better = instead.reduce((total, other) => total + lex.scores[other], 0) > piece.score;
    if (instead.length === 0) kept.push(piece);
    else if (used[id] > 0 && !better) candidates.push({ piece, loss: lossWithout(id, instead, used, sum) });
  });
  candidates.sort((a, b) => b.loss - a.loss);
  return [...kept, ...candidates.slice(0, Math.max(0, size - kept.length)).map(({ piece }) => piece)];
}

/** What the log-likelihood loses when a piece's uses go to the pieces of its next best cut. */
function lossWithout(id: number, instead: readonly number[], used: Float64Array, sum: number): number {
  const now = Math.log(used[id]) - Math.log(sum);
  const rest = Math.log(sum + used[id] * (instead.length - 1));
  const then = instead.reduce((total, other) => total + Math.log(used[other] + used[id]) - rest, 0);
  return (used[id] / sum) * (now - then);
}

/** The pieces of the most probable cut, without the piece `without`; none where there is no cut. */
function bestCut(word: Int32Array, { trie, scores }: Lexicon, without: number): number[] {
  const length = word.length;
  const best = new Float64Array(length + 1).fill(Number.NEGATIVE_INFINITY);
  const [from, ids] = [new Int32Array(length + 1), new Int32Array(length + 1)];
  best[0] = 0;
  for (let start = 0; start < length; start++) {
    for (
      let [node, end] = [trie.step(0, word[start]), start + 1];
      node >= 0;
      node = end < length ? trie.step(node, word[end]) : -1, end++
    ) {
      const id = trie.value(node);
      if (id < 0 || id === without || best[start] + scores[id] <= best[end]) continue;
      best[end] = best[start] + scores[id];
      from[end] = start;
      ids[end] = id;
    }
  }
  if (best[length] === Number.NEGATIVE_INFINITY) return [];
  const cut: number[] = [];
  for (let end = length; end > 0; end = from[end]) cut.push(ids[end]);
  return cut.reverse();
}

/** All required characters, and the most probable pieces up to the size. Characters that were lost get a little less than the rarest piece. */
function finish(pieces: readonly Piece[], required: readonly string[], size: number): Piece[] {
  const scores = new Map(pieces.map(({ text, score }) => [text, score]));
  const least = pieces.reduce((low, { score }) => Math.min(low, score), 0);
  const final = new Map<string, number>();
  required.forEach((char, i) => {
    final.set(char, scores.get(char) ?? least - 1e-4 * (i + 1));
  });
  for (const { text, score } of [...pieces].sort((a, b) => b.score - a.score)) {
    if (final.size >= size) break;
    final.set(text, score);
  }
  return [...final].map(([text, score]) => ({ text, score })).sort((a, b) => b.score - a.score);
}

/** The derivative of log Γ for x > 0: shifted to x >= 7, then the asymptotic series. */
function digamma(x: number): number {
  let [at, result] = [x, 0];
  for (; at < 7; at++) result -= 1 / at;
  const y = at - 0.5;
  const z = 1 / (y * y);
  return result + Math.log(y) + z * (1 / 24 - z * (7 / 960 - z * (31 / 8064 - (z * 127) / 30720)));
}
