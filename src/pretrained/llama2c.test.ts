import { describe, expect, it } from "vitest";
import { namedParameters } from "../nn/module.ts";
import { readLlama2c, readLlama2cTokenizer } from "./llama2c.ts";

const [width, hidden, layers, heads, keyValueHeads, vocabulary, context] = [8, 6, 2, 2, 1, 11, 5];
const headSize = width / heads;

/** A checkpoint whose k-th number is k / 1000, so that each weight tells where it stood. */
function checkpoint(tokens: number): Uint8Array {
  const own = tokens < 0 ? vocabulary * width : 0;
  const layer = 2 * width + 2 * width * width + 2 * keyValueHeads * headSize * width + 3 * width * hidden;
  const count = vocabulary * width + layers * layer + width + context * headSize + own;
  const bytes = new Uint8Array(28 + 4 * count);
  const view = new DataView(bytes.buffer);
  [width, hidden, layers, heads, keyValueHeads, tokens, context].forEach((n, i) => {
    view.setInt32(4 * i, n, true);
  });
  for (let k = 0; k < count; k++) view.setFloat32(28 + 4 * k, k / 1000, true);
  return bytes;
}

describe("a checkpoint of llama2.c", () => {
  it("gives each weight its numbers, with rows of queries and keys in the order of halves", () => {
    const network = readLlama2c(checkpoint(-vocabulary), "model.bin");
    const parameters = namedParameters(network);
    const at = (name: string) => Math.round(parameters.get(name)!.data[0] * 1000);
    expect(at("model.embed_tokens.weight")).toBe(0);
    expect(at("model.layers.1.input_layernorm.weight")).toBe(vocabulary * width + width);
    const queries = vocabulary * width + layers * width;
    const firsts = Array.from({ length: width }, (_, row) =>
      Math.round(parameters.get("model.layers.0.self_attn.q_proj.weight")!.data[row * width] * 1000),
    );
    expect(firsts).toEqual([0, 2, 1, 3, 4, 6, 5, 7].map((row) => queries + row * width));
    expect(network.config).toMatchObject({ vocabulary, tied: false, keyValueHeads });
    expect(readLlama2c(checkpoint(vocabulary), "model.bin").lm_head).toBeUndefined();
  });

  it("of impossible sizes, or cut short, is refused", () => {
    expect(() => readLlama2c(checkpoint(vocabulary).subarray(0, -4), "model.bin")).toThrow("not as long as its sizes say");
    expect(() => readLlama2c(new Uint8Array(40), "model.bin")).toThrow("impossible");
    expect(() => readLlama2c(new Uint8Array(4), "model.bin")).toThrow("too short");
  });

  it("has a vocabulary of scored pieces and bytes", () => {
    const pieces: [string, number][] = [
      ["<unk>", 0],
      ["\n<s>\n", 0],
      ["\n</s>\n", 0],
    ];
    for (let byte = 0; byte < 256; byte++) pieces.push([`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`, 0]);
    pieces.push([" a", -1], ["ab", -2], [" ", -3], ["a", -4], ["b", -5]);
    const parts = pieces.map(([text, score]) => {
      const bytes = new TextEncoder().encode(text);
      const head = new DataView(new ArrayBuffer(8));
      head.setFloat32(0, score, true);
      head.setInt32(4, bytes.length, true);
      return [...new Uint8Array(head.buffer), ...bytes];
    });
    const file = Uint8Array.from([9, 0, 0, 0, ...parts.flat()]);
    const tokenizer = readLlama2cTokenizer(file, "tok.bin");
    expect([...tokenizer.encode("ab a!")]).toEqual([1, 259, 263, 259, 3 + 33]);
    expect(tokenizer.decode(tokenizer.encode("ab a!"))).toBe("ab a!");
    expect(() => readLlama2cTokenizer(file.subarray(0, 29), "tok.bin")).toThrow("damaged");
  });
});
