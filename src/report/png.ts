/** PNG files with text metadata, so that a picture says by itself how it was made. */
import { encode } from "fast-png";
import { AtelierError, FileError } from "../core/errors.ts";

/** A picture as bytes, pixel after pixel, row after row: [height, width, channels], 0..255. */
export interface Raster {
  width: number;
  height: number;
  /** 1 grey, 3 red-green-blue. */
  channels: 1 | 3;
  data: Uint8Array;
}

/** The first bytes of every PNG file. */
export const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
/** Signature and IHDR chunk: the metadata goes right behind, where a reader finds it without reading the pixels. */
const AFTER_HEADER = 8 + 12 + 13;
/** Printable Latin-1 and line feeds: what tEXt may hold. */
const LATIN1 = /^[\n\x20-\x7e\xa1-\xff]*$/;

/**
 * Encode a picture as PNG with text entries: tEXt chunks where Latin-1 can hold the text, iTXt (UTF-8) otherwise.
 * @throws AtelierError when the data's length does not fit the size, or a keyword is not 1 to 79 Latin-1 characters.
 */
export function encodePng(raster: Raster, text: Readonly<Record<string, string>> = {}): Uint8Array {
  const { width, height, channels, data } = raster;
  if (!(width >= 1 && height >= 1) || data.length !== width * height * channels) {
    throw new AtelierError({
      what: "The picture's data do not fit its size.",
      got: `${data.length} bytes`,
      expected: `${width} x ${height} x ${channels}`,
    });
  }
  const png = encode({ width, height, channels, data, depth: 8 }, { zlib: { level: 6 } });
  const chunks = Object.entries(text).map(([keyword, value]) => textChunk(keyword, value));
  return concatenate([png.subarray(0, AFTER_HEADER), ...chunks, png.subarray(AFTER_HEADER)]);
}

/**
 * The text entries of a PNG file (tEXt and uncompressed iTXt), by keyword; checksums are verified.
 * @throws FileError naming `file` when it is not a PNG file or is damaged or truncated.
 */
export function readPngText(bytes: Uint8Array, file = "PNG data"): Record<string, string> {
  const found: [string, string][] = [];
  for (const { type, body } of readChunks(bytes, file)) {
    const entry = readTextChunk(type, body);
    if (entry !== undefined) found.push(entry);
  }
  return Object.fromEntries(found);
}

/** A chunk of a PNG file: four letters, and what is in it. */
export interface PngChunk {
  type: string;
  body: Uint8Array;
}

/**
 * The chunks of a PNG file but the last, which is empty; checksums are verified.
 * @throws FileError naming `file` when it is not a PNG file or is damaged or truncated.
 */
export function* readChunks(bytes: Uint8Array, file: string): Generator<PngChunk, void, undefined> {
  if (!SIGNATURE.every((byte, i) => bytes[i] === byte)) throw new FileError({ what: "The file is not a PNG file.", where: file });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; ; ) {
    if (at + 12 > bytes.length) throw new FileError({ what: "The PNG file ends too early.", where: `${file}, byte ${at}` });
    const length = view.getUint32(at);
    if (at + 12 + length > bytes.length) {
      throw new FileError({
        what: "A chunk of the PNG file is longer than the file.",
        where: `${file}, byte ${at}`,
        got: `${length} bytes`,
      });
    }
    const type = latin1(bytes.subarray(at + 4, at + 8));
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length)) {
      throw new FileError({ what: "A chunk of the PNG file is damaged: its checksum differs.", where: `${file}, byte ${at}` });
    }
    if (type === "IEND") return;
    yield { type, body: bytes.subarray(at + 8, at + 8 + length) };
    at += 12 + length;
  }
}

/** tEXt: keyword, 0, text. iTXt: keyword, 0, compression flag and method, language, 0, translated keyword, 0, UTF-8 text. */
function textChunk(keyword: string, value: string): Uint8Array {
  if (!/^[\x21-\x7e\xa1-\xff](?:[\x20-\x7e\xa1-\xff]{0,77}[\x21-\x7e\xa1-\xff])?$/.test(keyword)) {
    throw new AtelierError({
      what: "This cannot be the keyword of a PNG text.",
      got: JSON.stringify(keyword),
      expected: "1 to 79 characters",
    });
  }
  if (LATIN1.test(value)) return chunkOf("tEXt", [fromLatin1(keyword), Uint8Array.of(0), fromLatin1(value)]);
  return chunkOf("iTXt", [fromLatin1(keyword), new Uint8Array(5), new TextEncoder().encode(value)]);
}

function readTextChunk(type: string, body: Uint8Array): [string, string] | undefined {
  if (type !== "tEXt" && type !== "iTXt") return undefined;
  const end = body.indexOf(0);
  if (end < 1) return undefined;
  const keyword = latin1(body.subarray(0, end));
  if (type === "tEXt") return [keyword, latin1(body.subarray(end + 1))];
  const language = body.indexOf(0, end + 3);
  const translated = language < 0 ? -1 : body.indexOf(0, language + 1);
  // Compressed texts are never ours; they are left out like chunks of other kinds.
  if (body[end + 1] !== 0 || translated < 0) return undefined;
  return [keyword, new TextDecoder().decode(body.subarray(translated + 1))];
}

/** A chunk with its length and checksum. */
export function chunkOf(type: string, parts: Uint8Array[]): Uint8Array {
  const body = concatenate([fromLatin1(type), ...parts]);
  const whole = new Uint8Array(body.length + 8);
  const view = new DataView(whole.buffer);
  view.setUint32(0, body.length - 4);
  whole.set(body, 4);
  view.setUint32(body.length + 4, crc32(body));
  return whole;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = CRC_TABLE[(c ^ byte) & 0xff] ^ (c >>> 8);
  return ~c >>> 0;
}

function fromLatin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Not TextDecoder("latin1"), which is Windows-1252. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Bytes one after the other. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
