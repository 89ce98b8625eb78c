/**
 * Checkpoints of llama2.c (github.com/karpathy/llama2.c, `export.py`, version 0): seven whole numbers, then all weights as float32, layer kind by layer kind,
 * and a vocabulary in a file of its own. They turn neighbouring numbers by their positions where Hugging Face's form turns halves of a head, so rows of
 * queries and keys change their order.
 */
import { FileError } from "../core/errors.ts";
import { namedParameters } from "../nn/module.ts";
import { Llama, type LlamaConfig } from "../nn/transformers/llama.ts";
import { beginsWith } from "../tokenizers/kinds.ts";
import { type Piece, tokenizerOfPieces } from "../tokenizers/sentencepiece-model.ts";
import { Tokenizer } from "../tokenizers/tokenizer.ts";

const HEADER_BYTES = 28;

/** The network of a checkpoint. @throws FileError when the sizes in it are impossible, or the file is not as long as they say */
export function readLlama2c(bytes: Uint8Array, where: string): Llama {
  const { config, shared } = readHeader(bytes, where);
  const { width, layers, heads, keyValueHeads = heads, hidden, vocabulary, context } = config;
  const headSize = width / heads;
  const keys = keyValueHeads * headSize;
  // In the order of the file; the two tables of cosines and sines are not needed.
  const parts: [name: string, rows: number, columns: number][] = [
    ["embed_tokens.weight", vocabulary, width],
    ["input_layernorm.weight", layers, width],
    ["self_attn.q_proj.weight", layers * width, width],
    ["self_attn.k_proj.weight", layers * keys, width],
    ["self_attn.v_proj.weight", layers * keys, width],
    ["self_attn.o_proj.weight", layers * width, width],
    ["post_attention_layernorm.weight", layers, width],
    ["mlp.gate_proj.weight", layers * hidden, width],
    ["mlp.down_proj.weight", layers * width, hidden],
    ["mlp.up_proj.weight", layers * hidden, width],
    ["norm.weight", 1, width],
    ["tables", 2 * context, headSize / 2],
    ...(shared ? [] : [["lm_head.weight", vocabulary, width] as [string, number, number]]),
  ];
  const numbers = parts.reduce((sum, [, rows, columns]) => sum + rows * columns, 0);
  if (bytes.length !== HEADER_BYTES + 4 * numbers) {
    throw new FileError({
      what: "The checkpoint is not as long as its sizes say.",
      where,
      got: `${bytes.length} bytes`,
      expected: `${HEADER_BYTES + 4 * numbers} for width ${width}, ${layers} layers and ${vocabulary} tokens`,
    });
  }
  // A copy of its own: the bytes may be a view of anything.
  const all = new Float32Array(new Uint8Array(bytes.subarray(HEADER_BYTES)).buffer);
  const found = new Map<string, Float32Array>();
  let at = 0;
  for (const [name, rows, columns] of parts) {
    found.set(name, all.subarray(at, at + rows * columns));
    at += rows * columns;
  }
  const network = new Llama(config);
  for (const [path, parameter] of namedParameters(network)) {
    const layer = /^model\.layers\.(\d+)\.(.*)$/.exec(path);
    const whole = found.get(layer?.[2] ?? path.replace(/^model\./, ""))!;
    const start = Number(layer?.[1] ?? 0) * parameter.size;
    const own = whole.slice(start, start + parameter.size);
    parameter.data = /[qk]_proj/.test(path) ? halved(own, headSize, width) : own;
  }
  return network;
}

function readHeader(bytes: Uint8Array, where: string): { config: LlamaConfig; shared: boolean } {
  if (bytes.length < HEADER_BYTES) throw new FileError({ what: "The file is too short for a llama2.c checkpoint.", where });
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const [width, hidden, layers, heads, keyValueHeads, vocabulary, context] = Array.from({ length: 7 }, (_, i) =>
    view.getInt32(4 * i, true),
  );
  const sizes = { width, hidden, layers, heads, keyValueHeads, context, vocabulary: Math.abs(vocabulary) };
  const possible = Object.values(sizes).every((n) => n >= 1 && n <= 1 << 24) && width % heads === 0 && heads % keyValueHeads === 0;
  if (!possible || (width / heads) % 2 !== 0)
    throw new FileError({
      what: "The sizes in the checkpoint are impossible, or it is of another version.",
      where,
      got: JSON.stringify(sizes),
    });
  // A negative number of tokens says that the logits have weights of their own.
  const shared = vocabulary > 0;
  return { config: { ...sizes, epsilon: 1e-5, tied: shared }, shared };
}

/** Rows of each head from (pair, which of the two) to (which of the two, pair). */
function halved(data: Float32Array, headSize: number, columns: number): Float32Array {
  const out = new Float32Array(data.length);
  const rows = data.length / columns;
  for (let row = 0; row < rows; row++) {
    const [head, i] = [Math.floor(row / headSize), row % headSize];
    const to = head * headSize + (i % 2) * (headSize / 2) + Math.floor(i / 2);
    out.set(data.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return out;
}

/** The vocabulary of a checkpoint: Llama's SentencePiece BPE, as `tokenizer.bin` holds it. Texts begin with `<s>`. @throws FileError when it is damaged */
export function readLlama2cTokenizer(bytes: Uint8Array, where: string): Tokenizer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const pieces: Piece[] = [];
  for (let at = 4; at < bytes.length; ) {
    const length = at + 8 <= bytes.length ? view.getInt32(at + 4, true) : -1;
    if (length < 0 || at + 8 + length > bytes.length)
      throw new FileError({ what: "The vocabulary of the checkpoint is damaged.", where: `${where}, byte ${at}` });
    const text = new TextDecoder().decode(bytes.subarray(at + 8, at + 8 + length));
    pieces.push(pieceOf(text, view.getFloat32(at, true), pieces.length));
    at += 8 + length;
  }
  const proto = { pieces, kind: 2, byteFallback: true, charsmap: new Uint8Array(), addDummyPrefix: true, removeExtraWhitespaces: false };
  const { spec } = tokenizerOfPieces(proto, where);
  return new Tokenizer({ ...spec, post_processor: beginsWith("<s>", 1) }, { sentencePiece: true });
}

/** The first three are the unknown token, the begin and the end, written with line breaks around them; blanks stand for SentencePiece's mark. */
function pieceOf(text: string, score: number, id: number): Piece {
  if (id < 3) return { text: ["<unk>", "<s>", "</s>"][id], score, type: id === 0 ? 2 : 3 };
  if (/^<0x[0-9A-F]{2}>$/.test(text)) return { text, score, type: 6 };
  return { text: text.replaceAll(" ", "\u2581"), score, type: 1 };
}
