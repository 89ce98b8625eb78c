import { describe, expect, it } from "vitest";
import { trainByteBpe, trainChar, trainSentencePieceBpe, trainSymbols, trainUnigram, trainWord, trainWordPiece } from "./index.ts";
import { compilePattern } from "./pattern.ts";
import { readSentencePiece } from "./sentencepiece-model.ts";
import { Tokenizer } from "./tokenizer.ts";

describe("kinds", () => {
  it("symbols are what stands between blanks, as it is", () => {
    const tokenizer = trainSymbols(["HH AH L OW", "L  OW\tEH'"], { size: 20, specialTokens: ["<pad>", "<s>", "</s>", "<unk>"] });
    expect([...tokenizer.encode("L OW Q EH'")].map((id) => tokenizer.tokenOf(id))).toEqual(["L", "OW", "<unk>", "EH'"]);
    expect(tokenizer.decode(tokenizer.encode("HH  AH"))).toBe("HH AH");
    expect(tokenizer.vocabularySize).toBe(9);
    expect([...trainSymbols(["b b a"], { size: 3 }).encode("a b")]).toEqual([1, 2]);
  });

  it("chars: exactly the corpus's characters, and an error for others", () => {
    const tokenizer = trainChar(["hello world"]);
    expect([tokenizer.vocabularySize, tokenizer.tokenOf(0)]).toEqual([8, " "]);
    expect(() => tokenizer.encode("help")).toThrow('"p"');
    expect(trainChar(["aab"], { size: 2 }).decode(trainChar(["aab"], { size: 2 }).encode("ab"))).toBe("a");
  });

  it("words: lower-case, punctuation apart, the most frequent first, the rest unknown", () => {
    const tokenizer = trainWord(["The cat, the dog; the CAT!"], { size: 5 });
    expect([0, 1, 2, 3, 4].map((id) => tokenizer.tokenOf(id))).toEqual(["<pad>", "<unk>", "the", "cat", "!"]);
    expect([...tokenizer.encode("THE cat's")]).toEqual([2, 3, 1, 1]);
  });

  it("SentencePiece: digits one by one, spaces kept, bytes for what is rare", () => {
    const tokenizer = trainSentencePieceBpe(["1984 1984 1984 to be or not to be", "to be"], { size: 290 });
    const tokens = (text: string) => [...tokenizer.encode(text)].map((id) => tokenizer.tokenOf(id));
    expect(tokens("1984")).toEqual(["<s>", "\u2581", "1", "9", "8", "4"]);
    expect(tokens("é").slice(-2)).toEqual(["<0xC3>", "<0xA9>"]);
    expect(tokenizer.decode(tokenizer.encode("  to  be\n"))).toBe("  to  be\n");
  });

  it("WordPiece: two texts with segments", () => {
    const { ids, typeIds } = trainWordPiece(["a b"], { size: 20 }).encodePair("a", "b");
    expect([ids.length, [...typeIds]]).toEqual([5, [0, 0, 0, 1, 1]]);
  });

  it("Unigram: pieces are words that come often", () => {
    const tokenizer = trainUnigram(["banana bandana ".repeat(30)], { size: 275 });
    expect(tokenizer.encode("banana bandana", { addSpecialTokens: false }).length).toBeLessThan(6);
  });

  it("sizes without room are refused", () => {
    expect(() => trainByteBpe(["a"], { size: 100 })).toThrow("vocabulary size is too small");
    expect(() => trainSentencePieceBpe(["a"], { size: 400, specialTokens: ["<s>"] })).toThrow("<unk> <s> </s> first");
    expect(() => trainWordPiece(["a"], { size: 400, specialTokens: ["[UNK]"] })).toThrow("[CLS]");
  });
});

describe("patterns", () => {
  it("fold letters in groups, know Unicode's blanks, and refuse what JavaScript lacks", () => {
    expect("It'S 'ſ".match(compilePattern({ Regex: "(?i:'s)|\\S" }))).toEqual(["I", "t", "'S", "'ſ"]);
    expect("a\u0085b\ufeff".split(compilePattern({ Regex: "\\s" }))).toEqual(["a", "b\ufeff"]);
    expect("ab\nac".match(compilePattern({ Regex: "^a|c$|\\Aa" }))).toEqual(["a", "a", "c"]);
    expect(() => compilePattern({ Regex: "a++b" })).toThrow("possessive");
    expect(() => compilePattern({ Regex: "[[a-z]&&[b]]" })).toThrow("sets within sets");
    expect(() => compilePattern({ Regex: "(" })).toThrow("cannot be used");
  });
});

describe("files that are not right", () => {
  const model = { type: "BPE", vocab: { a: 0, b: 1 }, merges: ["a b"] };
  it.each([
    ["not an object", 3, "top"],
    ["an unknown model", { model: { type: "Magic" } }, "model.type"],
    ["a merge without its token", { model }, '"ab"'],
    ["a merge that is no pair", { model: { ...model, merges: ["a b c"] } }, "merge 0"],
    ["an unknown normalizer", { model, normalizer: { type: "Rot13" } }, "normalizer"],
    [
      "an unknown token that is missing",
      { model: { type: "WordPiece", vocab: { a: 0 }, unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 100 } },
      "[UNK]",
    ],
  ])("%s", (_, value, told) => {
    expect(() => Tokenizer.fromJson(value, "x.json")).toThrow(told);
  });

  it("ids that would need all memory, or are none", () => {
    for (const id of [2 ** 40, -1, 0.5, "3"]) {
      const vocab = { a: 0, b: id };
      expect(() => Tokenizer.fromJson({ model: { type: "WordLevel", unk_token: "a", vocab } }, "x.json")).toThrow("x.json, model.vocab.b");
    }
    expect(() => Tokenizer.fromJson({ model: { type: "WordLevel", unk_token: "a", vocab: ["a"] } }, "x.json")).toThrow("model.vocab");
  });

  it("bytes that are no SentencePiece model", () => {
    expect(() => readSentencePiece(new TextEncoder().encode("hello there"))).toThrow("SentencePiece");
    expect(() => readSentencePiece(new Uint8Array())).toThrow("no pieces");
  });
});

describe("added tokens", () => {
  const base = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const tokenizer = new Tokenizer({
    ...trainChar(["abc x"]).toJson(),
    added_tokens: [
      { ...base, id: 10, content: "<m>", lstrip: true },
      { ...base, id: 11, content: "<m><m>" },
      { ...base, id: 12, content: "ab", single_word: true, special: false },
    ],
  });

  it("are found longest first, eat blanks, and stand alone where they must", () => {
    expect([...tokenizer.encode("a <m>b")]).toEqual([1, 10, 2]);
    expect([...tokenizer.encode("a<m><m>b")]).toEqual([1, 11, 2]);
    expect([...tokenizer.encode("ab abc")]).toEqual([12, 0, 1, 2, 3]);
    expect(tokenizer.decode([1, 10, 12])).toBe("aab");
    expect([...tokenizer.encode("<m>  \n<m>x \u0085<m>")]).toEqual([10, 10, 4, 10]);
  });
});

describe("sizes and names that are rare", () => {
  it("a token called __proto__ stays in the vocabulary", () => {
    const trained = trainSymbols(["__proto__ constructor __proto__"], { size: 20 });
    const read = Tokenizer.fromJson(JSON.parse(JSON.stringify(trained.toJson())));
    expect(read.decode(read.encode("constructor __proto__"))).toBe("constructor __proto__");
  });

  it("vocabularies and unknown stretches beyond what a call can be given", () => {
    const vocab = Object.fromEntries(Array.from({ length: 160_000 }, (_, id) => [id === 0 ? "[UNK]" : `w${id}`, id]));
    const model = { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 100, vocab };
    expect([...Tokenizer.fromJson({ model }).encode("w7 w159999")]).toEqual([0]);
    const pieces = Tokenizer.fromJson({
      model: {
        type: "Unigram",
        unk_id: 0,
        vocab: [
          ["<unk>", 0],
          ["a", -1],
        ],
      },
    });
    expect([...pieces.encode(`a${"\u6f22".repeat(160_000)}a`)]).toEqual([1, 0, 1]);
  });
});
