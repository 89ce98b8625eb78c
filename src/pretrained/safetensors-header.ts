import { FileError } from "../core/errors.ts";

/** The element types we read, with their bytes per element. */
export const storedTypes = { F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I8: 1, U8: 1, BOOL: 1 } as const;
export type StoredType = keyof typeof storedTypes;

/** A tensor as the header describes it; bytes `start` to `end` are counted from the end of the header. */
export interface HeaderEntry {
  name: string;
  stored: StoredType;
  shape: number[];
  start: number;
  end: number;
}

export interface Header {
  /** In the order of their bytes: together they cover the body without gap or overlap. */
  entries: HeaderEntry[];
  metadata: Record<string, string>;
  /** Where the tensors' bytes begin in the file. */
  bodyStart: number;
}

/** The reference reader's limit. */
export const MAX_HEADER_BYTES = 100_000_000;

/**
 * Read and check the header of a safetensors file as strictly as the reference reader: known types, whole shapes, offsets that fit the shapes and
 * cover the body without gap or overlap, no key twice.
 * @param bytes the file, or its beginning up to the header's end at least
 * @param fileBytes how long the whole file is
 * @throws FileError naming `file`, the field, what was found and what was expected.
 */
export function parseHeader(bytes: Uint8Array, file: string, fileBytes = bytes.length): Header {
  const json = headerText(bytes, file);
  const parsed = parseJson(json, file);
  const bodyStart = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  const { __metadata__: metadata, ...described } = parsed;
  const entries = Object.entries(described).map(([name, value]) => readEntry(name, value, file));
  entries.sort((a, b) => a.start - b.start || a.end - b.end);
  checkCover(entries, fileBytes - bodyStart, file);
  return { entries, metadata: readMetadata(metadata, file), bodyStart };
}

function headerText(bytes: Uint8Array, file: string): string {
  if (bytes.length < 8) {
    throw damaged(file, "The file is too short for a safetensors file.", `${bytes.length} bytes`, "at least 8 bytes of header length");
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    throw damaged(
      `${file}, header length`,
      "The header is too large, or this is not a safetensors file.",
      `${length} bytes`,
      `at most ${MAX_HEADER_BYTES} bytes`,
    );
  }
  if (8 + Number(length) > bytes.length) {
    throw damaged(
      `${file}, header length`,
      "The file ends inside its header.",
      `${length} bytes of header in a file of ${bytes.length}`,
      "a header within the file",
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + Number(length)));
  } catch (cause) {
    throw damaged(`${file}, header`, "The header is not UTF-8 text.", undefined, "JSON in UTF-8", cause);
  }
}

function parseJson(json: string, file: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (cause) {
    throw damaged(`${file}, header`, "The header is not JSON.", excerpt(json), "a JSON object", cause);
  }
  if (!json.startsWith("{") || !isRecord(parsed))
    throw damaged(`${file}, header`, "The header is not a JSON object.", excerpt(json), "an object that begins with {");
  const twice = duplicateKey(json);
  if (twice !== undefined) throw damaged(`${file}, header`, "The header has a key twice.", JSON.stringify(twice), "each key once");
  return parsed;
}

/** The first key that stands twice in one object of a valid JSON text: JSON.parse would silently take the last. */
function duplicateKey(json: string): string | undefined {
  // One set of keys per open object; `null` for an open array.
  const open: (Set<string> | null)[] = [];
  for (let i = 0; i < json.length; i++) {
    const char = json[i];
    if (char === "{") open.push(new Set());
    else if (char === "[") open.push(null);
    else if (char === "}" || char === "]") open.pop();
    else if (char === '"') {
      const end = stringEnd(json, i);
      const keys = open[open.length - 1];
      if (keys && isColonNext(json, end)) {
        const key = JSON.parse(json.slice(i, end)) as string;
        if (keys.has(key)) return key;
        keys.add(key);
      }
      i = end - 1;
    }
  }
  return undefined;
}

/** Whether the next character that is not white space is a colon: then the string before it was a key. */
function isColonNext(json: string, from: number): boolean {
  let i = from;
  while (" \t\r\n".includes(json[i])) i++;
  return json[i] === ":";
}

/** One past the closing quote of the JSON string that opens at `start`. */
function stringEnd(json: string, start: number): number {
  let i = start + 1;
  while (json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
  return i + 1;
}

function readEntry(name: string, value: unknown, file: string): HeaderEntry {
  const where = `${file}, tensor "${name}"`;
  if (!isRecord(value))
    throw damaged(where, "A tensor's entry is not an object.", excerpt(JSON.stringify(value)), "{ dtype, shape, data_offsets }");
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !Object.hasOwn(storedTypes, dtype)) {
    throw new FileError({
      what: "A tensor has an element type that is not supported.",
      where: `${where}, dtype`,
      got: excerpt(JSON.stringify(dtype)),
      expected: `one of ${Object.keys(storedTypes).join(", ")}`,
      hint: "convert the file to one of these types",
    });
  }
  if (!isCounts(shape))
    throw damaged(
      `${where}, shape`,
      "A shape is not a list of whole numbers.",
      excerpt(JSON.stringify(shape)),
      "whole numbers of 0 or more",
    );
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw damaged(
      `${where}, data_offsets`,
      "A tensor's place in the file is not valid.",
      excerpt(JSON.stringify(offsets)),
      "[start, end] with 0 <= start <= end",
    );
  }
  const stored = dtype as StoredType;
  const [start, end] = offsets;
  const size = shape.includes(0) ? 0 : shape.reduce((product, dim) => product * dim, 1) * storedTypes[stored];
  if (size !== end - start) {
    const expected = Number.isSafeInteger(size) ? `${size} bytes for ${stored} [${shape.join(", ")}]` : "a shape that fits in a file";
    throw damaged(`${where}, data_offsets`, "A tensor's bytes do not fit its shape.", `${end - start} bytes`, expected);
  }
  return { name, stored, shape, start, end };
}

/** The tensors, ordered by place, must cover exactly the bytes after the header. */
function checkCover(entries: readonly HeaderEntry[], bodyBytes: number, file: string): void {
  let covered = 0;
  for (const { name, start, end } of entries) {
    if (start !== covered) {
      const what = start < covered ? "Two tensors overlap." : "There is a gap between two tensors.";
      throw damaged(`${file}, tensor "${name}", data_offsets`, what, `start ${start}`, `start ${covered}, where the tensor before ends`);
    }
    covered = end;
  }
  if (covered !== bodyBytes) {
    const what = covered > bodyBytes ? "The file ends before its last tensor." : "There are bytes after the last tensor.";
    throw damaged(file, what, `${bodyBytes} bytes after the header`, `${covered} bytes`);
  }
}

function readMetadata(value: unknown, file: string): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === "string")) {
    throw damaged(
      `${file}, __metadata__`,
      "The metadata is not a map of texts.",
      excerpt(JSON.stringify(value)),
      "an object whose values are strings",
    );
  }
  return value as Record<string, string>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((dim) => Number.isSafeInteger(dim) && dim >= 0);
}

function excerpt(text: string | undefined): string {
  if (text === undefined) return "nothing";
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

function damaged(where: string, what: string, got: string | undefined, expected: string, cause?: unknown): FileError {
  return new FileError({
    what,
    where,
    got,
    expected,
    hint: "the file is damaged or was not written completely: fetch or make it again",
    cause,
  });
}
