import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FileError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import { decodeSafetensors, encodeSafetensors, type FileTensor } from "./safetensors.ts";

const file = "model.safetensors";

function golden(name: string): Uint8Array {
  const hex = readFileSync(new URL(`../../tests/golden/safetensors/${name}.hex`, import.meta.url), "utf8").trim();
  return new Uint8Array(Buffer.from(hex, "hex"));
}

const tiny: Record<string, FileTensor> = {
  "b.weight": { dtype: "float32", shape: [2, 3], data: new Float32Array([-0.5, -0.25, 0, 0.25, 0.5, 0.75]) },
  a: { dtype: "int64", shape: [2], data: new BigInt64Array([1n, -2n]) },
  n: { dtype: "int32", shape: [], data: new Int32Array([7]) },
  mask: { dtype: "bool", shape: [3], data: new Uint8Array([1, 0, 1]) },
  bytes: { dtype: "uint8", shape: [1, 2], data: new Uint8Array([0, 255]) },
  s: { dtype: "int8", shape: [2], data: new Int8Array([-128, 127]) },
  empty: { dtype: "float32", shape: [0, 4], data: new Float32Array(0) },
};

/** A file made of any header text and body, its length field right unless given. */
function fileOf(header: string, body: Uint8Array = new Uint8Array(0), length?: bigint): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(body, 8 + json.length);
  return bytes;
}

function failure(bytes: Uint8Array): string {
  try {
    decodeSafetensors(bytes, { file });
  } catch (error) {
    expect(error).toBeInstanceOf(FileError);
    return (error as FileError).message;
  }
  return "no error";
}

describe("encoding", () => {
  it("gives the bytes of Python's safetensors", () => {
    expect(Buffer.from(encodeSafetensors(tiny, { "made by": "safetensors" })).toString("hex")).toBe(
      Buffer.from(golden("tiny")).toString("hex"),
    );
  });

  it("does not depend on the order in which tensors and metadata are given", () => {
    const reversed = new Map(Object.entries(tiny).reverse());
    expect(encodeSafetensors(reversed, { y: "2", x: "1" })).toEqual(encodeSafetensors(tiny, { x: "1", y: "2" }));
  });

  it("begins the body at a multiple of 8", () => {
    for (const name of ["a", "ab", "abc", "ab\u00e9", "__proto__", '"\\\n']) {
      const bytes = encodeSafetensors(new Map([[name, tiny.n]]));
      expect((bytes.length - 4) % 8).toBe(0);
      expect([...decodeSafetensors(bytes, { file }).tensors]).toEqual([[name, tiny.n]]);
    }
  });

  it("refuses tensors that are not what they say", () => {
    expect(() => encodeSafetensors({ a: { dtype: "float32", shape: [3], data: new Float32Array(2) } })).toThrowErrorMatchingInlineSnapshot(`
      [AtelierError: Tensor "a" cannot be stored.
        got:      2 elements
        expected: shape [3]]
    `);
    const mixed = { dtype: "float32", shape: [2], data: new Int32Array(2) } as unknown as FileTensor;
    expect(() => encodeSafetensors({ a: mixed })).toThrowErrorMatchingInlineSnapshot(`
      [AtelierError: Tensor "a" cannot be stored.
        got:      dtype float32 in a Int32Array
        expected: Float32Array]
    `);
    expect(() => encodeSafetensors({ __metadata__: tiny.a })).toThrow("cannot be named");
  });
});

describe("decoding", () => {
  it("reads what Python's safetensors wrote, and what we wrote", () => {
    for (const bytes of [golden("tiny"), encodeSafetensors(tiny, { "made by": "safetensors" })]) {
      const { tensors, metadata, stored } = decodeSafetensors(bytes, { file });
      expect(Object.fromEntries(tensors)).toEqual(tiny);
      expect(metadata).toEqual({ "made by": "safetensors" });
      expect(stored.get("mask")).toBe("BOOL");
    }
  });

  it("gives views where the alignment allows it and right copies where not", () => {
    const bytes = encodeSafetensors(tiny);
    expect(decodeSafetensors(bytes, { file }).tensors.get("b.weight")?.data.buffer).toBe(bytes.buffer);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(Object.fromEntries(decodeSafetensors(shifted.subarray(1), { file }).tensors)).toEqual(tiny);
  });

  it("reads half precision as float32", () => {
    const { tensors, stored } = decodeSafetensors(golden("halves"), { file });
    const expected = [0, -0, 1, -2.5, 65504, 1023 * 2 ** -24, 2 ** -24, Infinity, -Infinity, 1638 * 2 ** -14];
    expect(tensors.get("h")).toEqual({ dtype: "float32", shape: [10], data: new Float32Array(expected) });
    expect(stored.get("h")).toBe("F16");
    const brain = fileOf('{"x":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]}}', new Uint8Array([0x80, 0x3f, 0x20, 0xc0, 0xc0, 0x7f]));
    expect(decodeSafetensors(brain, { file }).tensors.get("x")?.data).toEqual(new Float32Array([1, -2.5, Number.NaN]));
  });
});

const two = (extra: string) => `{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},${extra}}`;
const bad: [string, Uint8Array][] = [
  ["an empty file", new Uint8Array(0)],
  ["a short file", new Uint8Array([1, 2, 3])],
  ["a header beyond the limit", fileOf("{}", new Uint8Array(0), 100_000_001n)],
  ["a header beyond any number", fileOf("{}", new Uint8Array(0), 0xffffffffffffffffn)],
  ["a header beyond the file", fileOf("{}", new Uint8Array(0), 3n)],
  ["no JSON", fileOf('{"x": nonsense')],
  ["not UTF-8", new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe])],
  ["an array", fileOf("[]")],
  ["white space first", fileOf(" {}")],
  ["null", fileOf("null")],
  ["an entry that is none", fileOf('{"x":3}')],
  ["an unknown type", fileOf('{"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}', new Uint8Array(8))],
  ["a type named like a method", fileOf('{"x":{"dtype":"toString","shape":[1],"data_offsets":[0,8]}}', new Uint8Array(8))],
  ["a negative dimension", fileOf('{"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}', new Uint8Array(8))],
  ["a fractional dimension", fileOf('{"x":{"dtype":"F32","shape":[0.5],"data_offsets":[0,2]}}', new Uint8Array(2))],
  [
    "a shape too large for any file",
    fileOf('{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}', new Uint8Array(8)),
  ],
  ["offsets reversed", fileOf('{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}', new Uint8Array(8))],
  ["offsets that are not two", fileOf('{"x":{"dtype":"F32","shape":[2],"data_offsets":[8]}}', new Uint8Array(8))],
  ["offsets that do not fit the shape", fileOf('{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', new Uint8Array(8))],
  ["offsets beyond the file", fileOf('{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', new Uint8Array(7))],
  ["bytes after the last tensor", fileOf('{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', new Uint8Array(9))],
  ["overlapping tensors", fileOf(two('"y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}'), new Uint8Array(12))],
  ["a gap", fileOf(two('"y":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}'), new Uint8Array(16))],
  ["a tensor twice", fileOf(two('"\\u0078" : {"dtype":"F32","shape":[2],"data_offsets":[0,8]}'), new Uint8Array(8))],
  ["a field twice", fileOf('{"x":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}', new Uint8Array(8))],
  ["metadata that is not text", fileOf('{"__metadata__":{"epochs":3}}')],
  ["a truth value of 2", fileOf('{"x":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}', new Uint8Array([2]))],
];

describe("bad files", () => {
  it.each(bad)("refuses %s", (_, bytes) => {
    expect(failure(bytes)).toMatchSnapshot();
  });

  it("accepts the key of one object in another, and colons in texts", () => {
    const nested = fileOf('{"__metadata__":{"x":"\\"x\\": {", "y":":"},"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}');
    expect(decodeSafetensors(nested, { file }).metadata).toEqual({ x: '"x": {', y: ":" });
  });

  it("throws nothing but FileError for any truncation, flipped bit or garbled header", () => {
    const good = golden("tiny");
    for (let length = 0; length < good.length; length++) expect(failure(good.slice(0, length))).not.toBe("no error");
    const random = new RandomStream(1, "fuzz");
    for (let round = 0; round < 20_000; round++) {
      const bytes = good.slice();
      const flips = 1 + random.below(4);
      for (let i = 0; i < flips; i++) {
        // Mostly inside the header: a flipped bit of a weight is a valid file.
        const at = random.below(round % 4 === 0 ? 8 : 456);
        if (round % 3 === 0) bytes[at] = random.below(256);
        else bytes[at] ^= 1 << random.below(8);
      }
      failure(bytes);
    }
  });
});
