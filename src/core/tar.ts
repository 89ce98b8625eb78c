/**
 * A streaming reader of tar archives (POSIX ustar, with the pax and GNU extensions for long names), as far as packages need it: regular
 * files are handed over whole, links and devices are passed by, and nothing is ever written to a path that the archive names.
 */
import { FileError } from "./errors.ts";

/** One wanted file at a time. The bytes belong to the receiver. */
export type OnFile = (path: string, bytes: Uint8Array) => void | Promise<void>;

const BLOCK = 512;
/** Long names and attributes are small; a larger claim is damage. */
const MOST_EXTENSION = 1 << 20;
const decoder = new TextDecoder();

/**
 * Read an archive from its chunks and hand over the regular files that `wanted` chooses, in order. Sizes are checked before memory is taken.
 * @throws FileError when the archive is damaged or truncated, a wanted file is larger than `mostBytes`, or a path is absolute or climbs with "..";
 * errors of `onFile` and of the chunks' source pass through.
 */
export async function readTar(
  chunks: AsyncIterable<Uint8Array>,
  wanted: (path: string) => boolean,
  onFile: OnFile,
  mostBytes: number,
): Promise<void> {
  const source = new ChunkReader(chunks);
  let longName: string | undefined;
  let longSize: number | undefined;
  for (;;) {
    const header = await source.read(BLOCK);
    // The end is marked by zero blocks; some writers leave them out.
    if (header === undefined || header.every((byte) => byte === 0)) return await source.close();
    checkHeader(header, source.offset - BLOCK);
    const type = String.fromCharCode(header[156]);
    const extension = type === "x" || type === "L";
    // The pax size replaces the header's only for the entry that follows.
    const size = extension || longSize === undefined ? readNumber(header, 124, 12, source.offset - BLOCK) : longSize;
    const padding = (BLOCK - (size % BLOCK)) % BLOCK;
    if (extension) {
      if (size > MOST_EXTENSION) throw damaged("an extension header is too long", source.offset);
      const body = await source.need(size);
      if (type === "L") longName = text(body);
      else ({ path: longName = longName, size: longSize = longSize } = readPax(body, source.offset - size));
    } else {
      const name = longName ?? joinName(header);
      longName = undefined;
      longSize = undefined;
      checkPath(name);
      if ((type === "0" || type === "\0") && wanted(name)) {
        if (size > mostBytes) throw damaged(`${name} is larger than declared`, source.offset, `${size} bytes`, `at most ${mostBytes}`);
        await onFile(name, await source.need(size));
      } else {
        await source.skip(size);
      }
    }
    await source.skip(padding);
  }
}

/** Pieces of the wanted length out of chunks of any length. */
class ChunkReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #used = 0;
  /** Bytes read so far: where in the archive we are. */
  offset = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next `length` bytes; undefined at the end. @throws FileError when the archive ends within them. */
  async read(length: number): Promise<Uint8Array | undefined> {
    if (!(await this.#more())) return undefined;
    return await this.need(length);
  }

  /** The next `length` bytes. @throws FileError when the archive ends before. */
  async need(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    await this.#consume(length, (piece, at) => bytes.set(piece, at));
    return bytes;
  }

  /** Pass by `length` bytes. @throws FileError when the archive ends before. */
  async skip(length: number): Promise<void> {
    await this.#consume(length, () => undefined);
  }

  /** Read the rest, so that the source can finish and tell of damage at its end. */
  async close(): Promise<void> {
    do this.#used = this.#chunk.length;
    while (await this.#more());
  }

  async #consume(length: number, take: (piece: Uint8Array, at: number) => void): Promise<void> {
    for (let at = 0; at < length; ) {
      if (!(await this.#more())) throw damaged("it ends too early", this.offset);
      const piece = this.#chunk.subarray(this.#used, this.#used + length - at);
      take(piece, at);
      at += piece.length;
      this.#used += piece.length;
      this.offset += piece.length;
    }
  }

  /** Whether there is at least one unread byte, fetching the next chunk where needed. */
  async #more(): Promise<boolean> {
    while (this.#used === this.#chunk.length) {
      const { done, value } = await this.#chunks.next();
      if (done) return false;
      this.#chunk = value;
      this.#used = 0;
    }
    return true;
  }
}

/** The checksum is the sum of the header's bytes with its own field counted as spaces. */
function checkHeader(header: Uint8Array, offset: number): void {
  const expected = readNumber(header, 148, 8, offset);
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i];
  if (sum !== expected) throw damaged("a header's checksum does not fit", offset, String(sum), String(expected));
}

/** An octal number, or base 256 where the top bit is set. */
function readNumber(header: Uint8Array, start: number, length: number, offset: number): number {
  const field = header.subarray(start, start + length);
  let value = 0;
  if (field[0] & 0x80) {
    value = field[0] & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
  } else {
    const digits = text(field).trim();
    if (!/^[0-7]*$/.test(digits)) throw damaged("a header holds no number where one belongs", offset, JSON.stringify(digits));
    value = Number.parseInt(digits || "0", 8);
  }
  if (!Number.isSafeInteger(value)) throw damaged("a header holds an impossible number", offset, String(value));
  return value;
}

/** Pax records: "LENGTH key=value\n", the length counting itself. */
function readPax(body: Uint8Array, offset: number): { path?: string; size?: number } {
  const found: { path?: string; size?: number } = {};
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(32, at);
    const length = space < 0 ? Number.NaN : Number(decoder.decode(body.subarray(at, space)));
    if (!Number.isInteger(length) || length <= space - at + 1 || at + length > body.length) {
      throw damaged("an extension record is malformed", offset + at);
    }
    const record = decoder.decode(body.subarray(space + 1, at + length - 1));
    const equals = record.indexOf("=");
    const value = record.slice(equals + 1);
    if (record.startsWith("path=")) found.path = value;
    if (record.startsWith("size=")) {
      if (!/^\d{1,15}$/.test(value)) throw damaged("an extension record holds no size", offset + at, JSON.stringify(value));
      found.size = Number(value);
    }
    at += length;
  }
  return found;
}

/** The name field, after the prefix field where the header is ustar's. */
function joinName(header: Uint8Array): string {
  const name = text(header.subarray(0, 100));
  const prefix = text(header.subarray(257, 262)) === "ustar" && header[262] === 0 ? text(header.subarray(345, 500)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** An archive that names a path outside itself is not one that we know, even though we never write to such paths. */
function checkPath(name: string): void {
  if (name.startsWith("/") || /^[A-Za-z]:/.test(name) || name.includes("\\") || name.split("/").includes("..")) {
    throw new FileError({ what: "The archive names an unsafe path.", got: JSON.stringify(name) });
  }
}

/** The field up to its first zero byte. */
function text(field: Uint8Array): string {
  const end = field.indexOf(0);
  return decoder.decode(end < 0 ? field : field.subarray(0, end));
}

function damaged(what: string, offset: number, got?: string, expected?: string): FileError {
  return new FileError({ what: `The archive is damaged: ${what}.`, where: `byte ${offset} of the unpacked archive`, got, expected });
}
