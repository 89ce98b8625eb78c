import { describe, expect, it } from "vitest";
import { RandomStream } from "../../core/random.ts";
import {
  answerForm,
  bleu,
  chrf,
  distinctNgrams,
  exactMatch,
  findCopiedText,
  findCopies,
  rouge,
  selfBleu,
  sentenceBleu,
  wordErrorRate,
} from "./index.ts";

describe("scores of answers", () => {
  it("of what says the same are perfect, of what shares nothing 0", () => {
    const texts = ["one two three four five", "six seven eight nine ten"];
    const references = texts.map((text) => [text]);
    expect(bleu(texts, references).score).toBeCloseTo(100, 10);
    expect(chrf(texts, references).score).toBeCloseTo(100, 10);
    expect(rouge(texts, references).rougeL).toEqual({ precision: 1, recall: 1, f1: 1 });
    expect(wordErrorRate(texts, references).rate).toBe(0);
    expect(bleu(["x y"], [["a b"]]).score).toBe(0);
    expect(chrf(["x"], [["a"]]).score).toBe(0);
  });

  it("take the better of several references", () => {
    const references = [["nothing alike", "one two three"]];
    expect(rouge(["one two three"], references).rouge1.f1).toBe(1);
    expect(wordErrorRate(["one two"], references)).toEqual({ errors: 1, length: 3, rate: 1 / 3 });
    expect(exactMatch(["one two three", "x"], [...references, ["y"]])).toBe(0.5);
  });

  it("compare answers without case, articles and punctuation where wanted", () => {
    expect(answerForm(" The  cat's a_the, an (answer). ")).toBe("cats athe answer");
    expect(exactMatch(["the Cat."], [["cat"]], { normalize: answerForm })).toBe(1);
    expect(exactMatch(["the Cat."], [["cat"]])).toBe(0);
  });

  it("say what is wrong", () => {
    expect(() => bleu([], [])).toThrow("no hypotheses");
    expect(() => bleu(["a"], [])).toThrow("1 hypotheses, 0 with references");
    expect(() => chrf(["a"], [[]])).toThrow("segment 1");
    expect(() => bleu(["a"], [["a"]], { order: 0 })).toThrow("from 1 on");
    expect(() => bleu(["a"], [["a"]], { tokenizer: "14a" as never })).toThrow('did you mean "13a"');
    expect(() => chrf(["a"], [["a"]], { characterOrder: 0 })).toThrow("not both 0");
    expect(() => wordErrorRate(["a"], [[" "]])).toThrow("references are empty");
  });
});

describe("diversity", () => {
  const texts = ["a b a b", "b a c d e", "a b c d e f", "a b c d e f"];

  it("counts different n-grams", () => {
    expect(distinctNgrams(texts.slice(0, 1), 1)).toBe(0.5);
    expect(distinctNgrams(texts.slice(0, 1), 2)).toBeCloseTo(2 / 3, 12);
    expect(distinctNgrams([""], 1)).toBe(0);
    expect(() => distinctNgrams(texts, 0)).toThrow("from 1 on");
  });

  it("self-BLEU is the mean of each text's BLEU against all others", () => {
    const others = (i: number) => texts.filter((_, j) => j !== i);
    const naive = texts.reduce((sum, text, i) => sum + sentenceBleu(text, others(i)).score, 0) / texts.length;
    expect(selfBleu(texts)).toBeCloseTo(naive, 10);
    expect(selfBleu(["x y z w", "x y z w"])).toBeCloseTo(100, 10);
    expect(() => selfBleu(["x"])).toThrow("needs two");
  });
});

describe("copied runs", () => {
  /** For each end in the sequence, the longest run up to there that a document has: by looking everywhere. */
  function naive(sequence: readonly number[], corpus: readonly (readonly number[])[]): number[] {
    const joined = corpus.map((document) => `,${document.join()},`);
    return sequence.map((_, end) => {
      for (let start = 0; start <= end; start++)
        if (joined.some((document) => document.includes(`,${sequence.slice(start, end + 1).join()},`))) return end - start + 1;
      return 0;
    });
  }

  it("are found as by looking everywhere, of several sequences and documents", () => {
    const stream = new RandomStream(3, "copies");
    for (let round = 0; round < 60; round++) {
      const alphabet = 2 + stream.below(3);
      const draw = () => Array.from({ length: stream.below(25) }, () => stream.below(alphabet));
      const sequences = Array.from({ length: 1 + stream.below(3) }, draw);
      const corpus = Array.from({ length: stream.below(4) }, draw);
      const minimum = 1 + stream.below(5);
      for (const [i, found] of findCopies(sequences, corpus, { minimum }).entries()) {
        const expected = naive(sequences[i], corpus);
        const longest = Math.max(0, ...expected);
        expect(found.longest).toBe(longest);
        const run = sequences[i].slice(found.start, found.start + longest);
        if (longest > 0) expect(corpus[found.document].slice(found.documentStart, found.documentStart + longest)).toEqual(run);
        const covered = new Set(
          expected.flatMap((length, end) => (length < minimum ? [] : Array.from({ length }, (_, back) => end - back))),
        );
        expect(found.share).toBeCloseTo(sequences[i].length === 0 ? 0 : covered.size / sequences[i].length, 12);
      }
    }
  });

  it("give the text, by characters", () => {
    const [first, second] = findCopiedText(
      ["I say 🙂🙃 call me Ishmael!", "qqq"],
      ["nothing", "Well 🙂🙃 call me Ishmael. Some years ago"],
      { minimum: 5 },
    );
    expect(first).toMatchObject({ text: " 🙂🙃 call me Ishmael", longest: 19, start: 5, document: 1, documentStart: 4 });
    expect(first.share).toBeCloseTo(19 / 25, 12);
    expect(second).toMatchObject({ text: "", longest: 0, document: -1, share: 0 });
    expect(() => findCopiedText(["a"], ["a"], { minimum: 0 })).toThrow("at least one symbol");
  });

  it("take a corpus of millions of characters", () => {
    const stream = new RandomStream(1, "corpus");
    const corpus = Int32Array.from({ length: 2_000_000 }, () => stream.below(50));
    const copied = corpus.slice(1_234_567, 1_234_767);
    const [found] = findCopies([Int32Array.of(99, ...copied, 98)], [corpus]);
    expect(found).toMatchObject({ longest: 200, start: 1, documentStart: 1_234_567 });
  });
});
