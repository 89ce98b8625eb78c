// Tokenizers against Hugging Face's tokenizers and SentencePiece (make_tokenizers.py made the file): the same ids, the same text back, the same merges.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BYTE_ALPHABET } from "../../src/tokenizers/byte-alphabet.ts";
import { readSentencePiece, Tokenizer } from "../../src/tokenizers/index.ts";
import { wordsOf } from "../../src/tokenizers/kinds.ts";
import { learnBpe } from "../../src/tokenizers/training/bpe-trainer.ts";
import { countWords } from "../../src/tokenizers/training/word-counts.ts";

interface Case {
  name: string;
  ids: number[][];
  texts: string[];
}

const stored = JSON.parse(readFileSync(new URL("data/tokenizers.json", import.meta.url), "utf8")) as {
  corpus: string[];
  samples: string[];
  cases: (Case & { json: unknown; pair: { ids: number[]; types: number[] } })[];
  sentencepiece: (Case & { model: string })[];
};

function expectSame(tokenizer: Tokenizer, { ids, texts }: Case, addSpecialTokens: boolean): void {
  stored.samples.forEach((sample, i) => {
    expect([...tokenizer.encode(sample, { addSpecialTokens })], JSON.stringify(sample)).toEqual(ids[i]);
    expect(tokenizer.decode(ids[i]), JSON.stringify(sample)).toBe(texts[i]);
  });
}

describe.each(stored.cases)("$name as Hugging Face's tokenizers", (slice) => {
  const tokenizer = Tokenizer.fromJson(slice.json);

  test("gives the same ids and texts", () => {
    expectSame(tokenizer, slice, true);
  });

  test("joins two texts in the same way", () => {
    const { ids, typeIds } = tokenizer.encodePair("the dog", "is lazy");
    expect([...ids]).toEqual(slice.pair.ids);
    expect([...typeIds]).toEqual(slice.pair.types);
  });
});

describe.each(stored.sentencepiece)("$name as SentencePiece", (slice) => {
  test("gives the same ids and texts", () => {
    expectSame(readSentencePiece(Buffer.from(slice.model, "base64")), slice, false);
  });
});

test("training joins the same pairs in the same order", () => {
  const merges = (name: string) => {
    const { model } = Tokenizer.fromJson(stored.cases.find((slice) => slice.name === name)!.json).spec;
    return model.type === "BPE" ? { vocab: model.vocab, merges: model.merges } : undefined;
  };
  const counts = (pre_tokenizer: Parameters<typeof wordsOf>[0]["pre_tokenizer"]) => countWords(stored.corpus, wordsOf({ pre_tokenizer }));
  const bytes = counts({ type: "ByteLevel", add_prefix_space: false });
  expect(learnBpe(bytes, { size: 400, specialTokens: ["<|end|>"], initialAlphabet: BYTE_ALPHABET })).toEqual(merges("byte-bpe"));
});
