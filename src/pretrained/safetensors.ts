/**
 * The safetensors file format (github.com/huggingface/safetensors): 8 bytes of header length, a JSON header, the tensors' bytes one after the other.
 * Nothing in a file is ever executed, and no length in it is believed before it has been checked against the bytes that are there.
 */
import { type ArrayOf, sizeOf } from "../core/dtype.ts";
import { AtelierError, FileError } from "../core/errors.ts";
import { floatsToHalves } from "./half.ts";
import { type HeaderEntry, MAX_HEADER_BYTES, parseHeader, type StoredType, storedTypes } from "./safetensors-header.ts";

/** The arrays of the element types a file is written from and read to. */
export interface FileArrayOf extends ArrayOf {
  int8: Int8Array;
}

export type FileDType = keyof FileArrayOf;

/** One tensor of a file: `data` has the product of `shape` elements, row-major; `bool` is one byte per element, 0 or 1. */
export type FileTensor = { [D in FileDType]: { dtype: D; shape: readonly number[]; data: FileArrayOf[D] } }[FileDType];

export interface DecodedSafetensors {
  /** By name, in the order of their bytes in the file. */
  tensors: Map<string, FileTensor>;
  /** The element type each tensor has in the file: those stored as F16 or BF16 come as float32. */
  stored: Map<string, StoredType>;
  metadata: Record<string, string>;
  /** All tensors' bytes: what a digest of the weights is taken over. A view of the input. */
  body: Uint8Array;
}

const storedAs: Record<FileDType, StoredType> = { float32: "F32", int32: "I32", int64: "I64", bool: "BOOL", uint8: "U8", int8: "I8" };

/** Wide types first, then by name, as the reference writer orders tensors: every tensor is aligned, and equal content gives equal files. */
const order: readonly FileDType[] = ["int64", "float32", "int32", "int8", "uint8", "bool"];

export type FileTensors = ReadonlyMap<string, FileTensor> | Readonly<Record<string, FileTensor>>;

/**
 * The file as pieces to be written one after the other: the header, then each tensor's bytes as views (nothing is copied, so do not
 * change the arrays until they are written).
 * @param floats how float32 is stored: as it is (default), or rounded to half precision
 * @throws AtelierError when an array is not of its dtype or has not the number of elements its shape says, or a number has no half-precision value.
 */
export function safetensorsPieces(
  tensors: FileTensors,
  metadata?: Readonly<Record<string, string>>,
  floats: "F32" | "F16" = "F32",
): Uint8Array[] {
  const header: [string, unknown][] = metadata === undefined ? [] : [["__metadata__", sortedByKey(metadata)]];
  const body: Uint8Array[] = [];
  let offset = 0;
  for (const [name, tensor] of inFileOrder(tensors)) {
    const halves = tensor.dtype === "float32" && floats === "F16";
    const checked = bytesOf(name, tensor);
    const bytes = halves ? new Uint8Array(floatsToHalves(tensor.data as Float32Array).buffer) : checked;
    header.push([
      name,
      { dtype: halves ? "F16" : storedAs[tensor.dtype], shape: tensor.shape, data_offsets: [offset, offset + bytes.length] },
    ]);
    body.push(bytes);
    offset += bytes.length;
  }
  return [encodeHeader(Object.fromEntries(header)), ...body];
}

/** A whole safetensors file. See `safetensorsPieces` to write a large one without a copy in memory. */
export function encodeSafetensors(
  tensors: FileTensors,
  metadata?: Readonly<Record<string, string>>,
  floats: "F32" | "F16" = "F32",
): Uint8Array {
  const pieces = safetensorsPieces(tensors, metadata, floats);
  const file = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    file.set(piece, offset);
    offset += piece.length;
  }
  return file;
}

/** Name and tensor pairs in the order in which a file holds them. @throws AtelierError for the reserved name `__metadata__`. */
export function inFileOrder(tensors: FileTensors): [string, FileTensor][] {
  const entries: [string, FileTensor][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors as Record<string, FileTensor>);
  if (entries.some(([name]) => name === "__metadata__"))
    throw new AtelierError('A tensor cannot be named "__metadata__" in a safetensors file.');
  return entries.sort(([a, x], [b, y]) => order.indexOf(x.dtype) - order.indexOf(y.dtype) || (a < b ? -1 : 1));
}

/**
 * Read a safetensors file. Tensors are views of `bytes` where their alignment allows it, copies elsewhere and for F16 and BF16.
 * `file` is the name that errors show.
 * @throws FileError when the file is cut short, garbled, or not safetensors; nothing else, whatever the bytes are.
 */
export function decodeSafetensors(bytes: Uint8Array, { file }: { file: string }): DecodedSafetensors {
  const { entries, metadata, bodyStart } = parseHeader(bytes, file);
  const body = bytes.subarray(bodyStart);
  const decoded: DecodedSafetensors = { tensors: new Map(), stored: new Map(), metadata, body };
  for (const entry of entries) {
    decoded.tensors.set(entry.name, decodeTensor(body, entry, file));
    decoded.stored.set(entry.name, entry.stored);
  }
  return decoded;
}

/** One tensor of a file whose header was read; `entry.start` and `entry.end` are places in `body`. @throws FileError for truth values other than 0 and 1 */
export function decodeTensor(body: Uint8Array, { name, stored, shape, start, end }: HeaderEntry, file: string): FileTensor {
  const width = storedTypes[stored];
  const inPlace = (body.byteOffset + start) % width === 0;
  const source = inPlace ? body.subarray(start, end) : body.slice(start, end);
  const { buffer, byteOffset } = source;
  const length = (end - start) / width;
  switch (stored) {
    case "F32":
      return { dtype: "float32", shape, data: new Float32Array(buffer, byteOffset, length) };
    case "F16":
      return { dtype: "float32", shape, data: halvesToFloats(new Uint16Array(buffer, byteOffset, length)) };
    case "BF16":
      return { dtype: "float32", shape, data: brainFloatsToFloats(new Uint16Array(buffer, byteOffset, length)) };
    case "I32":
      return { dtype: "int32", shape, data: new Int32Array(buffer, byteOffset, length) };
    case "I64":
      return { dtype: "int64", shape, data: new BigInt64Array(buffer, byteOffset, length) };
    case "I8":
      return { dtype: "int8", shape, data: new Int8Array(buffer, byteOffset, length) };
    case "U8":
      return { dtype: "uint8", shape, data: source };
    case "BOOL": {
      const wrong = source.find((byte) => byte > 1);
      if (wrong !== undefined) {
        throw new FileError({
          what: "A truth value in the file is neither 0 nor 1.",
          where: `${file}, tensor "${name}"`,
          got: String(wrong),
          hint: "the file is damaged: fetch it again",
        });
      }
      return { dtype: "bool", shape, data: source };
    }
  }
}

/** bfloat16 is the upper half of a float32. */
function brainFloatsToFloats(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i] << 16;
  return new Float32Array(bits.buffer);
}

/** IEEE 754 half precision: 1 sign bit, 5 of exponent (bias 15), 10 of fraction; exponent 0 is subnormal, 31 infinite or NaN. */
function halvesToFloats(halves: Uint16Array): Float32Array {
  const floats = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const bits = halves[i];
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >>> 10) & 31;
    const fraction = bits & 0x3ff;
    if (exponent === 0) floats[i] = sign * fraction * 2 ** -24;
    else if (exponent === 31) floats[i] = fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    else floats[i] = sign * (1024 + fraction) * POWERS[exponent];
  }
  return floats;
}

/** POWERS[e] = 2^(e - 25): what the 11-bit integer 1024 + fraction is scaled by. */
const POWERS = Float64Array.from({ length: 32 }, (_, exponent) => 2 ** (exponent - 25));

const arrayTypes = {
  float32: Float32Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
  uint8: Uint8Array,
  int8: Int8Array,
} as const;

function bytesOf(name: string, { dtype, shape, data }: FileTensor): Uint8Array {
  const kind = arrayTypes[dtype];
  if (kind === undefined || !(data instanceof kind)) {
    throw new AtelierError({
      what: `Tensor "${name}" cannot be stored.`,
      got: `dtype ${dtype} in a ${data?.constructor?.name}`,
      expected: kind === undefined ? `a dtype among ${Object.keys(arrayTypes).join(", ")}` : kind.name,
    });
  }
  if (!shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0) || sizeOf(shape) !== data.length) {
    throw new AtelierError({
      what: `Tensor "${name}" cannot be stored.`,
      got: `${data.length} elements`,
      expected: `shape [${shape.join(", ")}]`,
    });
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Length, JSON, spaces up to a multiple of 8 so that the tensors begin aligned. */
function encodeHeader(header: Record<string, unknown>): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(json.length / 8) * 8;
  if (length > MAX_HEADER_BYTES) {
    throw new AtelierError({
      what: "The names and metadata are too large for a safetensors file.",
      got: `${length} bytes`,
      expected: `at most ${MAX_HEADER_BYTES}`,
    });
  }
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return bytes;
}

function sortedByKey(record: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
