/** SentencePiece's `.model` files (sentencepiece_model.proto of github.com/google/sentencepiece): read as the `tokenizer.json` that does the same. */
import { FileError } from "../core/errors.ts";
import type { AddedToken, DecoderSpec, ModelSpec, NormalizerSpec, TokenizerSpec } from "./spec.ts";
import { Tokenizer } from "./tokenizer.ts";

const SPACE_MARK = "\u2581";
/** SentencePiece.Type */
const [UNKNOWN, CONTROL, USER_DEFINED] = [2, 3, 4];

/** A piece of a vocabulary. */
export interface Piece {
  text: string;
  score: number;
  /** 1 text, 2 unknown, 3 control, 4 the user's own, 6 a byte. */
  type: number;
}

/** What a SentencePiece model says. */
export interface ModelProto {
  pieces: Piece[];
  /** 1 unigram, 2 BPE, 3 words, 4 characters */
  kind: number;
  byteFallback: boolean;
  charsmap: Uint8Array;
  addDummyPrefix: boolean;
  removeExtraWhitespaces: boolean;
}

/** The tokenizer of a `.model` file (unigram or BPE). @throws FileError when the bytes are not one, or its kind is not known here. */
export function readSentencePiece(bytes: Uint8Array, where = "the SentencePiece model"): Tokenizer {
  return tokenizerOfPieces(readProto(bytes, where), where);
}

/** The tokenizer of a SentencePiece model's pieces and settings, wherever they were read. @throws FileError when there are none, or the kind is not known here */
export function tokenizerOfPieces(proto: ModelProto, where: string): Tokenizer {
  if (proto.pieces.length === 0) throw new FileError({ what: "The SentencePiece model has no pieces.", where });
  const unknown = proto.pieces.findIndex(({ type }) => type === UNKNOWN);
  const spec: TokenizerSpec = {
    version: "1.0",
    added_tokens: proto.pieces.flatMap((piece, id) => addedToken(piece, id)),
    normalizer: normalizer(proto),
    pre_tokenizer: null,
    post_processor: null,
    decoder: decoder(proto),
    model: model(proto, unknown, where),
  };
  return new Tokenizer(spec, { sentencePiece: true });
}

function addedToken({ text, type }: Piece, id: number): AddedToken[] {
  if (type !== CONTROL && type !== USER_DEFINED && type !== UNKNOWN) return [];
  return [{ id, content: text, single_word: false, lstrip: false, rstrip: false, normalized: false, special: type !== USER_DEFINED }];
}

function normalizer({ charsmap, addDummyPrefix, removeExtraWhitespaces }: ModelProto): NormalizerSpec {
  const normalizers: NormalizerSpec[] = [];
  if (charsmap.length > 0) {
    const chars = Array.from(charsmap, (byte) => String.fromCharCode(byte));
    normalizers.push({ type: "Precompiled", precompiled_charsmap: btoa(chars.join("")) });
  }
  if (removeExtraWhitespaces) {
    normalizers.push(
      { type: "Replace", pattern: { Regex: "\\A +| +\\z" }, content: "" },
      { type: "Replace", pattern: { Regex: " {2,}" }, content: " " },
    );
  }
  if (addDummyPrefix) normalizers.push({ type: "Prepend", prepend: SPACE_MARK });
  normalizers.push({ type: "Replace", pattern: { String: " " }, content: SPACE_MARK });
  return { type: "Sequence", normalizers };
}

function decoder({ addDummyPrefix }: ModelProto): DecoderSpec {
  const decoders: DecoderSpec[] = [
    { type: "Replace", pattern: { String: SPACE_MARK }, content: " " },
    { type: "ByteFallback" },
    { type: "Fuse" },
  ];
  if (addDummyPrefix) decoders.push({ type: "Strip", content: " ", start: 1, stop: 0 });
  return { type: "Sequence", decoders };
}

function model({ pieces, kind, byteFallback }: ModelProto, unknown: number, where: string): ModelSpec {
  if (kind === 1) {
    return {
      type: "Unigram",
      unk_id: unknown < 0 ? null : unknown,
      vocab: pieces.map(({ text, score }) => [text, score]),
      byte_fallback: byteFallback,
    };
  }
  if (kind !== 2)
    throw new FileError({ what: "The SentencePiece model is of a kind that is not known here.", where, expected: "unigram or BPE" });
  const vocab = Object.fromEntries(pieces.map(({ text }, id) => [text, id]));
  const unk_token = unknown < 0 ? null : pieces[unknown].text;
  return { type: "BPE", vocab, merges: mergesOf(pieces), unk_token, fuse_unk: true, byte_fallback: byteFallback, ignore_merges: false };
}

/**
 * SentencePiece joins any two neighbours whose text is a piece, the piece of the highest score first. So each piece gives a merge for each way to cut
 * it into two pieces, in the order of the scores.
 */
function mergesOf(pieces: readonly Piece[]): [string, string][] {
  const normal = pieces.filter(({ type }) => type === 1 || type === USER_DEFINED);
  const ids = new Map(normal.map(({ text }, i) => [text, i]));
  const merges: { a: string; b: string; score: number }[] = [];
  for (const { text, score } of normal) {
    for (let at = 1; at < text.length; at++) {
      const [a, b] = [text.slice(0, at), text.slice(at)];
      if (ids.has(a) && ids.has(b)) merges.push({ a, b, score });
    }
  }
  return merges.sort((x, y) => y.score - x.score).map(({ a, b }) => [a, b]);
}

function readProto(bytes: Uint8Array, where: string): ModelProto {
  const proto: ModelProto = {
    pieces: [],
    kind: 1,
    byteFallback: false,
    charsmap: new Uint8Array(),
    addDummyPrefix: true,
    removeExtraWhitespaces: true,
  };
  const text = (value: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(value);
  for (const { field, value } of fields(bytes, where)) {
    if (!(value instanceof Uint8Array)) continue;
    if (field === 1) {
      const piece: Piece = { text: "", score: 0, type: 1 };
      for (const inner of fields(value, where)) {
        if (inner.field === 1 && inner.value instanceof Uint8Array) piece.text = text(inner.value);
        if (inner.field === 2) piece.score = float(inner.value);
        if (inner.field === 3) piece.type = Number(inner.value);
      }
      proto.pieces.push(piece);
    } else if (field === 2) {
      for (const inner of fields(value, where)) {
        if (inner.field === 3) proto.kind = Number(inner.value);
        if (inner.field === 35) proto.byteFallback = inner.value === 1;
      }
    } else if (field === 3) {
      for (const inner of fields(value, where)) {
        if (inner.field === 2 && inner.value instanceof Uint8Array) proto.charsmap = inner.value;
        if (inner.field === 3) proto.addDummyPrefix = inner.value === 1;
        if (inner.field === 4) proto.removeExtraWhitespaces = inner.value === 1;
      }
    }
  }
  return proto;
}

function float(value: number | Uint8Array): number {
  return value instanceof Uint8Array && value.length === 4
    ? new DataView(value.buffer, value.byteOffset, 4).getFloat32(0, true)
    : Number.NaN;
}

/** The fields of a protobuf message: whole numbers of varints, bytes of everything else. @throws FileError at the byte where it is damaged. */
function* fields(bytes: Uint8Array, where: string): Generator<{ field: number; value: number | Uint8Array }, void, undefined> {
  let at = 0;
  const damaged = () => new FileError({ what: "The file is not a SentencePiece model, or it is damaged.", where: `${where}, byte ${at}` });
  const varint = (): number => {
    let [value, factor] = [0, 1];
    for (;;) {
      if (at >= bytes.length || factor > 2 ** 63) throw damaged();
      const byte = bytes[at++];
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const [field, type] = [Math.floor(key / 8), key % 8];
    if (type === 0) {
      yield { field, value: varint() };
      continue;
    }
    const length = type === 1 ? 8 : type === 5 ? 4 : type === 2 ? varint() : -1;
    if (length < 0 || at + length > bytes.length) throw damaged();
    yield { field, value: bytes.subarray(at, at + length) };
    at += length;
  }
}
