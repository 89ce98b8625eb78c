/**
 * Token files: a header of 32 bytes and then ids, 16 or 32 bits each, little-endian, one after the other. They are read by ranges, so a corpus may be
 * larger than memory; the system's cache keeps in memory what is read often.
 *
 *   bytes 0-3 "ATOK", 4-7 version 1, 8-11 bytes an id (2 or 4), 12-15 vocabulary size, 16-23 digest of the tokenizer as text, 24-31 zero
 */
import { readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { FileError } from "../../core/errors.ts";
import { fileError, writeFileAtomic } from "../../core/node/files.ts";
import { checkRange, type TokenSource } from "../text/tokens.ts";

const [HEADER, MAGIC] = [32, "ATOK"];
/** Bytes that are read ahead at most when windows lie close together. */
const CHUNK = 1 << 16;

/** Write ids as they come; the file appears when it is complete. `tokenizer` is any 8 characters that name the tokenizer. @throws FileError */
export async function writeTokenFile(
  file: string,
  parts: Iterable<Int32Array> | AsyncIterable<Int32Array>,
  { vocabularySize, tokenizer = "" }: { vocabularySize: number; tokenizer?: string | undefined },
): Promise<{ tokens: number; bytes: number }> {
  const width = vocabularySize <= 2 ** 16 ? 2 : 4;
  let tokens = 0;
  async function* bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    const header = Buffer.alloc(HEADER);
    header.write(MAGIC, "latin1");
    header.writeUInt32LE(1, 4);
    header.writeUInt32LE(width, 8);
    header.writeUInt32LE(vocabularySize, 12);
    header.write(tokenizer.slice(0, 8), 16, "latin1");
    yield header;
    for await (const part of parts) {
      tokens += part.length;
      yield pack(part, width, vocabularySize);
    }
  }
  await writeFileAtomic(file, bytes());
  return { tokens, bytes: HEADER + width * tokens };
}

function pack(ids: Int32Array, width: number, vocabularySize: number): Uint8Array {
  for (const id of ids) {
    if (id >= 0 && id < vocabularySize) continue;
    throw new FileError({ what: "A token is outside the vocabulary.", got: String(id), expected: `0 to ${vocabularySize - 1}` });
  }
  const packed = width === 2 ? Uint16Array.from(ids) : Uint32Array.from(ids);
  return new Uint8Array(packed.buffer);
}

/** A token file that is open: close it when done. */
export interface TokenFile extends TokenSource, AsyncDisposable {
  /** What names the tokenizer that made it; empty where that was not said. */
  readonly tokenizer: string;
  /** Give the file back. */
  close(): Promise<void>;
}

/** Open a token file. @throws FileError when it is none, or is cut off. */
export async function openTokenFile(file: string): Promise<TokenFile> {
  const handle = await open(file, "r").catch((error) => {
    throw fileError(error, `Could not open ${file}.`);
  });
  try {
    const header = Buffer.alloc(HEADER);
    const { bytesRead } = await handle.read(header, 0, HEADER, 0);
    const width = header.readUInt32LE(8);
    const body = (await handle.stat()).size - HEADER;
    const right =
      bytesRead === HEADER && header.toString("latin1", 0, 4) === MAGIC && header.readUInt32LE(4) === 1 && (width === 2 || width === 4);
    if (!right || body % width !== 0) throw new FileError({ what: "The file is not a token file, or it is cut off.", where: file });
    const tokenizer = header.toString("latin1", 16, 24).replace(/\0+$/, "");
    return source(handle, file, { length: body / width, width, vocabularySize: header.readUInt32LE(12), tokenizer });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function source(
  handle: FileHandle,
  file: string,
  { length, width, vocabularySize, tokenizer }: { length: number; width: number; vocabularySize: number; tokenizer: string },
): TokenFile {
  return {
    length,
    vocabularySize,
    tokenizer,
    async read(start, target) {
      checkRange(start, target.length, length);
      for (let done = 0; done < target.length; ) {
        const wanted = Math.min(target.length - done, CHUNK / width);
        const bytes = Buffer.alloc(wanted * width);
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, HEADER + (start + done) * width);
        unpack(bytes, bytesRead, width, target.subarray(done, done + wanted), file);
        done += wanted;
      }
    },
    readSync(start, target) {
      checkRange(start, target.length, length);
      const bytes = Buffer.alloc(target.length * width);
      const bytesRead = readSync(handle.fd, bytes, 0, bytes.length, HEADER + start * width);
      unpack(bytes, bytesRead, width, target, file);
    },
    close: () => handle.close(),
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

/** Ids of `width` bytes each. @throws FileError where not all were read */
function unpack(bytes: Buffer, bytesRead: number, width: number, target: Int32Array, file: string): void {
  if (bytesRead !== bytes.length) throw new FileError({ what: "The token file became shorter while it was open.", where: file });
  for (let i = 0; i < target.length; i++) target[i] = width === 2 ? bytes.readUInt16LE(2 * i) : bytes.readUInt32LE(4 * i);
}
