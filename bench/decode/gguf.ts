// GPT-2 as a GGUF file, which llama.cpp reads: the same weights as ours, in 32-bit floats, Q8_0 or Q4_0.
import { closeSync, openSync, writeSync } from "node:fs";
import { namedParameters } from "../../src/nn/module.ts";
import type { Gpt2 } from "../../src/nn/transformers/gpt2.ts";

export type Form = "float32" | "int8" | "int4";

const types: Readonly<Record<Form, number>> = { float32: 0, int8: 8, int4: 2 };
const bytesPerBlock: Readonly<Record<Form, number>> = { float32: 128, int8: 34, int4: 18 };
const block = 32;
const alignment = 32;

const layerNames: Readonly<Record<string, string>> = {
  ln_1: "attn_norm",
  "attn.c_attn": "attn_qkv",
  "attn.c_proj": "attn_output",
  ln_2: "ffn_norm",
  "mlp.c_fc": "ffn_up",
  "mlp.c_proj": "ffn_down",
};
const outerNames: Readonly<Record<string, string>> = { wte: "token_embd", wpe: "position_embd", ln_f: "output_norm" };

function ggufName(path: string): string {
  const [, stem, end] = /^transformer\.(.*)\.(weight|bias)$/.exec(path) ?? [];
  const layer = /^h\.(\d+)\.(.*)$/.exec(stem ?? "");
  return layer === null ? `${outerNames[stem]}.${end}` : `blk.${layer[1]}.${layerNames[layer[2]]}.${end}`;
}

/** A float as IEEE half precision bits, rounded to nearest. */
function half(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0];
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  if (exponent <= 0) return exponent < -10 ? sign : sign | ((((bits & 0x7fffff) | 0x800000) >>> (14 - exponent)) & 0x3ff);
  return sign | Math.min(0x7bff, (exponent << 10) + (((bits & 0x7fffff) + 0x1000) >>> 13));
}

function encoded(data: Float32Array, form: Form): Uint8Array {
  if (form === "float32") return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const size = bytesPerBlock[form];
  const out = new Uint8Array((data.length / block) * size);
  const view = new DataView(out.buffer);
  for (let b = 0; b < data.length / block; b++) {
    const values = data.subarray(b * block, (b + 1) * block);
    let extreme = 0;
    for (const value of values) if (Math.abs(value) > Math.abs(extreme)) extreme = value;
    const scale = form === "int8" ? Math.abs(extreme) / 127 : extreme / -8;
    view.setUint16(b * size, half(scale), true);
    const inverse = scale === 0 ? 0 : 1 / scale;
    const q = (i: number) => (form === "int8" ? Math.round(values[i] * inverse) : Math.min(15, Math.trunc(values[i] * inverse + 8.5)));
    for (let i = 0; i < size - 2; i++) out[b * size + 2 + i] = form === "int8" ? q(i) : q(i) | (q(i + 16) << 4);
  }
  return out;
}

/** Collects little-endian fields. */
class Fields {
  readonly parts: Uint8Array[] = [];
  u32(value: number): this {
    this.parts.push(new Uint8Array(Uint32Array.of(value).buffer));
    return this;
  }
  u64(value: number): this {
    this.parts.push(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
    return this;
  }
  f32(value: number): this {
    this.parts.push(new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }
  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    this.u64(bytes.length).parts.push(bytes);
    return this;
  }
  get bytes(): Buffer {
    return Buffer.concat(this.parts);
  }
}

const [u32Type, f32Type, stringType, arrayType, i32Type] = [4, 6, 8, 9, 5];

/** Write the file. The tokenizer in it has made-up tokens (`t0`, `t1` ...): texts are made and compared as ids. */
export function writeGguf(file: string, network: Gpt2, form: Form): void {
  const { width, context, layers, heads, vocabulary, epsilon = 1e-5 } = network.config;
  const meta = new Fields();
  let count = 0;
  const key = (name: string, type: number): Fields => {
    count++;
    return meta.text(name).u32(type);
  };
  key("general.architecture", stringType).text("gpt2");
  key("general.alignment", u32Type).u32(alignment);
  const numbers = {
    context_length: context,
    embedding_length: width,
    feed_forward_length: 4 * width,
    block_count: layers,
    "attention.head_count": heads,
  };
  for (const [name, value] of Object.entries(numbers)) key(`gpt2.${name}`, u32Type).u32(value);
  key("gpt2.attention.layer_norm_epsilon", f32Type).f32(epsilon);
  key("tokenizer.ggml.model", stringType).text("gpt2");
  key("tokenizer.ggml.pre", stringType).text("gpt-2");
  key("tokenizer.ggml.tokens", arrayType).u32(stringType).u64(vocabulary);
  for (let i = 0; i < vocabulary; i++) meta.text(`t${i}`);
  key("tokenizer.ggml.token_type", arrayType).u32(i32Type).u64(vocabulary);
  meta.parts.push(new Uint8Array(new Int32Array(vocabulary).fill(1).buffer));
  key("tokenizer.ggml.merges", arrayType).u32(stringType).u64(1).text("t 0");
  for (const name of ["bos", "eos"]) key(`tokenizer.ggml.${name}_token_id`, u32Type).u32(vocabulary - 1);
  const index = new Fields();
  const tensors = [...namedParameters(network)].map(([path, { shape, data }]) => {
    const matrix = shape.length === 2 && !path.includes("wpe");
    return { name: ggufName(path), shape, form: matrix ? form : ("float32" as const), data };
  });
  let offset = 0;
  for (const { name, shape, form: own, data } of tensors) {
    index.text(name).u32(shape.length);
    for (const dim of [...shape].reverse()) index.u64(dim);
    index.u32(types[own]).u64(offset);
    offset += padded((data.length / block) * bytesPerBlock[own]);
  }
  const head = new Fields().u32(0x46554747).u32(3).u64(tensors.length).u64(count);
  const handle = openSync(file, "w");
  let at = 0;
  const write = (bytes: Uint8Array): void => {
    for (let from = 0; from < bytes.length; ) from += writeSync(handle, bytes, from);
    at += bytes.length;
    const gap = padded(at) - at;
    if (gap > 0) writeSync(handle, new Uint8Array(gap));
    at += gap;
  };
  write(Buffer.concat([head.bytes, meta.bytes, index.bytes]));
  for (const { data, form: own } of tensors) write(encoded(data, own));
  closeSync(handle);
}

const padded = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;
