// Scores of mixed texts against sacreBLEU, rouge-score and NLTK (reference_text_metrics.py made the file).
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  type BleuOptions,
  bleu,
  type ChrfOptions,
  characterErrorRate,
  chrf,
  editDistance,
  type RougeKind,
  rougeKinds,
  rougeOf,
  sentenceBleu,
  sentenceChrf,
  wordErrorRate,
} from "../../src/metrics/index.ts";

const stored = JSON.parse(readFileSync(new URL("data/text-metrics.json", import.meta.url), "utf8"));
const triples: [string, string, string][] = stored.triples;
const hypotheses = triples.map(([hypothesis]) => hypothesis);
const referencesOf = (count: number) => triples.map(([, ...references]) => references.slice(0, count));

type Settings = Record<string, string | number | boolean>;
const label = ({ references, signature }: { references: number; signature: string }) => `${references}: ${signature}`;

describe("BLEU by sacreBLEU", () => {
  test.each<[string, Record<string, never>]>(stored.bleu.map((row: never) => [label(row), row]))("%s", (_, row) => {
    const { tokenize, smooth_method, smooth_value, max_ngram_order, effective_order, lowercase } = row.settings as Settings;
    const options = {
      tokenizer: tokenize,
      smoothing: smooth_method,
      smoothingValue: smooth_value,
      order: max_ngram_order,
      effectiveOrder: effective_order,
      lowercase,
    };
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as BleuOptions;
    const references = referencesOf(row.references);
    const found = bleu(hypotheses, references, given);
    expect(found.signature).toBe(row.signature);
    expect(found.score).toBeCloseTo(row.score, 10);
    expect([found.counts, found.totals]).toEqual([row.counts, row.totals]);
    expect([found.hypothesisLength, found.referenceLength]).toEqual(row.lengths);
    expect(found.brevityPenalty).toBeCloseTo(row.bp, 12);
    for (const [n, precision] of found.precisions.entries()) expect(precision).toBeCloseTo(row.precisions[n], 10);
    for (const [i, hypothesis] of hypotheses.entries()) {
      const { score } = sentenceBleu(hypothesis, references[i], { ...given, effectiveOrder: true });
      expect(score, hypothesis).toBeCloseTo(row.sentences[i], 10);
    }
  });
});

describe("chrF by sacreBLEU", () => {
  test.each<[string, Record<string, never>]>(stored.chrf.map((row: never) => [label(row), row]))("%s", (_, row) => {
    const { char_order, word_order, beta, lowercase, whitespace } = row.settings as Settings;
    const options = { characterOrder: char_order, wordOrder: word_order, beta, lowercase, blanks: whitespace };
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as ChrfOptions;
    const references = referencesOf(row.references);
    const found = chrf(hypotheses, references, given);
    expect([found.signature, found.name]).toEqual([row.signature, row.name]);
    expect(found.score).toBeCloseTo(row.score, 10);
    for (const [i, hypothesis] of hypotheses.entries())
      expect(sentenceChrf(hypothesis, references[i], given).score, hypothesis).toBeCloseTo(row.sentences[i], 10);
  });
});

describe("ROUGE by rouge-score", () => {
  const same = (hypothesis: string, reference: string, kind: RougeKind, [precision, recall, f1]: number[]) => {
    const found = rougeOf(hypothesis, reference, kind);
    expect([found.precision, found.recall, found.f1], `${kind} of ${hypothesis}`).toEqual([
      expect.closeTo(precision, 12),
      expect.closeTo(recall, 12),
      expect.closeTo(f1, 12),
    ]);
  };

  test("of each pair", () => {
    const pairs = [
      ...triples.map(([hypothesis, reference]) => [hypothesis, reference]),
      ...triples.map(([, first, second]) => [first, second]),
    ];
    for (const [i, [hypothesis, reference]] of pairs.entries())
      for (const kind of rougeKinds) same(hypothesis, reference, kind, stored.rouge[i][kind]);
  });

  test("of several lines", () => {
    const { hypothesis, reference, scores } = stored.lines;
    for (const kind of rougeKinds) same(hypothesis, reference, kind, scores[kind]);
  });
});

test("edit distances and error rates by NLTK", () => {
  const { words, characters, lengths } = stored.edits;
  for (const [i, [hypothesis, reference]] of triples.entries())
    expect(editDistance([...hypothesis], [...reference]), hypothesis).toBe(characters[i]);
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  const of = (column: number) => sum(lengths.map((row: number[]) => row[column]));
  expect(wordErrorRate(hypotheses, referencesOf(1))).toEqual({ errors: sum(words), length: of(0), rate: sum(words) / of(0) });
  expect(characterErrorRate(hypotheses, referencesOf(1))).toMatchObject({ errors: sum(characters), length: of(1) });
});
