// What every kind of tokenizer keeps: trained here on a few lines, it encodes any text, gives back what its kind can, and survives being written.
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/core/random.ts";
import {
  type Corpus,
  Tokenizer,
  trainBpe,
  trainByteBpe,
  trainChar,
  trainSentencePieceBpe,
  trainSymbols,
  trainUnigram,
  trainWord,
  trainWordPiece,
} from "../../src/tokenizers/index.ts";

const corpus = [
  "It was the best of times, it was the worst of times.",
  "Call me Ishmael. Some years ago, never mind how long precisely, I thought I would sail about a little.",
  "const x = [1, 2, 34]; // ünïcödé 東京 👍🏽",
];

interface Kind {
  name: string;
  train(texts: Corpus): Tokenizer;
  /** Which texts come back as they were: all, those of the corpus's characters, or none to the letter (blanks, case). */
  keeps: "all" | "known" | "words";
}

const kinds: Kind[] = [
  { name: "char", train: (texts) => trainChar(texts, { unknown: true }), keeps: "known" },
  { name: "word", train: (texts) => trainWord(texts, { size: 60 }), keeps: "words" },
  { name: "symbols", train: (texts) => trainSymbols(texts, { size: 60 }), keeps: "words" },
  { name: "bpe", train: (texts) => trainBpe(texts, { size: 150 }), keeps: "words" },
  { name: "byte-bpe", train: (texts) => trainByteBpe(texts, { size: 300 }), keeps: "all" },
  { name: "wordpiece", train: (texts) => trainWordPiece(texts, { size: 150 }), keeps: "words" },
  { name: "sentencepiece-bpe", train: (texts) => trainSentencePieceBpe(texts, { size: 350 }), keeps: "all" },
  { name: "unigram", train: (texts) => trainUnigram(texts, { size: 360, normalization: "none" }), keeps: "all" },
];

/** Texts of any code points, with many blanks, marks and joiners, the same at each run. */
function anyTexts(count: number): string[] {
  const stream = new RandomStream(6, "tokenizer texts");
  const common = [
    " ",
    "  ",
    "\n",
    "\t",
    "a",
    "the",
    "1",
    "23",
    ".",
    "'s",
    "é",
    "e\u0301",
    "東",
    "👍",
    "🏽",
    "\u200d",
    "\u00a0",
    "\ufeff",
    "\u0000",
    "<",
    "|",
  ];
  const point = () => {
    const code = stream.below(0x110000);
    return code >= 0xd800 && code <= 0xdfff ? "\ufffd" : String.fromCodePoint(code);
  };
  return Array.from({ length: count }, () =>
    Array.from({ length: stream.below(30) }, () => (stream.below(3) > 0 ? common[stream.below(common.length)] : point())).join(""),
  );
}

describe.each(kinds)("$name", ({ train, keeps }) => {
  const tokenizer = train(corpus);

  it("gives ids of its vocabulary for any text, and text for them", () => {
    for (const text of [...anyTexts(200), "", " ", "x".repeat(2000)]) {
      const ids = tokenizer.encode(text);
      for (const id of ids) expect(tokenizer.tokenOf(id)).toBeDefined();
      const back = tokenizer.decode(ids);
      if (keeps === "all") expect(back).toBe(text);
    }
  });

  it.runIf(keeps !== "words")("gives back what it was trained on", () => {
    for (const text of corpus) expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it("reads bytes as UTF-8, broken ones as U+FFFD", () => {
    const bytes = Uint8Array.of(0x68, 0x69, 0xff, 0xe6, 0x9d);
    expect([...tokenizer.encode(bytes)]).toEqual([...tokenizer.encode("hi\ufffd\ufffd")]);
  });

  it("is the same after it was written and read", () => {
    const again = Tokenizer.fromJson(JSON.parse(JSON.stringify(tokenizer.toJson())));
    for (const text of [...corpus, ...anyTexts(20)]) expect([...again.encode(text)]).toEqual([...tokenizer.encode(text)]);
    expect(again.vocabularySize).toBe(tokenizer.vocabularySize);
  });

  it("learns the same from the same", () => {
    expect(train(corpus).toJson()).toEqual(tokenizer.toJson());
  });

  it("encodes a batch as one by one", () => {
    expect(tokenizer.encodeBatch(corpus).map((ids) => [...ids])).toEqual(corpus.map((text) => [...tokenizer.encode(text)]));
  });

  it("finds its special tokens in text, and leaves them out of it", () => {
    for (const [token, id] of tokenizer.specialTokens) {
      expect(tokenizer.idOf(token)).toBe(id);
      expect([...tokenizer.encode(token, { addSpecialTokens: false })]).toContain(id);
      expect(tokenizer.decode([id])).toBe("");
      expect(tokenizer.decode([id], { skipSpecialTokens: false })).toContain(token);
    }
  });

  it("decodes token by token to the same text", () => {
    for (const text of [...corpus, ...(keeps === "all" ? anyTexts(50) : [])]) {
      const ids = tokenizer.encode(text);
      const stream = tokenizer.stream();
      const parts = [...ids].map((id) => stream.push(id));
      expect(parts.join("") + stream.flush()).toBe(tokenizer.decode(ids));
    }
  });

  it("refuses an empty corpus and unknown ids", () => {
    expect(() => train([])).toThrow("The corpus is empty");
    expect(() => tokenizer.decode([tokenizer.vocabularySize])).toThrow("no token with this id");
  });
});
