import { describe, expect, it } from "vitest";
import { bitsPerByte, bitsPerCharacter, characterCount, perplexity, utf8Bytes } from "./perplexity.ts";

describe("measures of likelihood", () => {
  it("an even guess among k tokens has perplexity k, whatever the length", () => {
    for (const tokens of [1, 7, 1000]) expect(perplexity(tokens * Math.log(50), tokens)).toBeCloseTo(50, 10);
    expect(perplexity(0, 3)).toBe(1);
  });

  it("an even guess among 256 bytes is 8 bits each; the same nats are more bits a character where characters are longer", () => {
    expect(bitsPerByte(10 * Math.log(256), 10)).toBeCloseTo(8, 12);
    const text = "naïve 日本 🙂";
    const nats = 12;
    expect(bitsPerCharacter(nats, characterCount(text)) / bitsPerByte(nats, utf8Bytes(text))).toBeCloseTo(18 / 10, 12);
  });

  it("count bytes as an encoder does, and code points", () => {
    for (const text of ["", "plain", "é߿ࠀ\uffff", "🙂𝄞a", "\ud83d", "a\udc00b"]) {
      expect(utf8Bytes(text)).toBe(new TextEncoder().encode(text).length);
      expect(characterCount(text)).toBe([...text].length);
    }
  });

  it("need a text", () => {
    for (const of of [perplexity, bitsPerByte, bitsPerCharacter])
      for (const none of [0, -1, Number.NaN]) expect(() => of(1, none)).toThrow("needs text");
  });
});
