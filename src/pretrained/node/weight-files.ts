/** Weight files of a model's folder, read tensor by tensor: what stays in memory is what the network keeps. */
import { open, stat } from "node:fs/promises";
import path from "node:path";
import { FileError } from "../../core/errors.ts";
import { fileError } from "../../core/node/files.ts";
import { decodeTensor } from "../safetensors.ts";
import { type Header, type HeaderEntry, MAX_HEADER_BYTES, parseHeader } from "../safetensors-header.ts";
import type { StoredTensor } from "../weights.ts";
import { readJson } from "./json.ts";

export const SINGLE_FILE = "model.safetensors";
export const INDEX_FILE = "model.safetensors.index.json";

/** One read takes less than 2 GiB. */
const READ_BYTES = 2 ** 30;

/**
 * The tensors of `model.safetensors`, or of the files that `model.safetensors.index.json` names. Only headers are read.
 * @throws FileError when there is no such file, one is missing, cut short or damaged, or index and files disagree
 */
export async function openWeights(folder: string): Promise<Map<string, StoredTensor>> {
  if (await isFile(path.join(folder, SINGLE_FILE))) return openFile(path.join(folder, SINGLE_FILE));
  const index = path.join(folder, INDEX_FILE);
  if (await isFile(index)) return openShards(folder, index);
  throw new FileError({
    what: "The folder has no weights that can be read.",
    where: folder,
    expected: `${SINGLE_FILE} or ${INDEX_FILE}`,
    hint: "older models have pytorch_model.bin, which can run code when it is opened: convert it with Hugging Face's tools first",
  });
}

async function openShards(folder: string, index: string): Promise<Map<string, StoredTensor>> {
  const places = readIndex(await readJson(index), index);
  const tensors = new Map<string, StoredTensor>();
  for (const file of new Set(places.values())) {
    if (!(await isFile(path.join(folder, file)))) {
      throw new FileError({
        what: "A file of the weights is missing.",
        where: path.join(folder, file),
        expected: `what ${path.basename(index)} names`,
        hint: "the model was not fetched completely: fetch it again, what is there is kept",
      });
    }
    for (const [name, tensor] of await openFile(path.join(folder, file))) {
      if (places.get(name) !== file)
        throw new FileError({
          what: "The index and the weight files disagree.",
          where: index,
          got: `${file} holds ${name}`,
          expected: places.get(name) ?? "no such tensor",
        });
      tensors.set(name, tensor);
    }
  }
  const lost = [...places.keys()].find((name) => !tensors.has(name));
  if (lost !== undefined)
    throw new FileError({
      what: "The index names a tensor that its file does not hold.",
      where: index,
      got: lost,
      expected: places.get(lost),
    });
  return tensors;
}

/** File by tensor. Names of files stay inside of the folder. */
function readIndex(value: unknown, where: string): Map<string, string> {
  const map = (value as { weight_map?: unknown } | null)?.weight_map;
  const entries = typeof map === "object" && map !== null ? Object.entries(map) : [];
  const wrong = entries.find(([, file]) => typeof file !== "string" || !/^[\w.-]+\.safetensors$/.test(file));
  if (entries.length === 0 || wrong !== undefined) {
    throw new FileError({
      what: "The index of the weights is not valid.",
      where: `${where}, weight_map`,
      got: wrong === undefined ? "no entries" : JSON.stringify(wrong),
      expected: "names of tensors, each with the name of a .safetensors file in the same folder",
    });
  }
  return new Map(entries as [string, string][]);
}

async function openFile(file: string): Promise<Map<string, StoredTensor>> {
  const { header, size } = await readHeader(file);
  return new Map(
    header.entries.map((entry) => [
      entry.name,
      { shape: entry.shape, read: () => readTensor(file, size, header.bodyStart, entry) } satisfies StoredTensor,
    ]),
  );
}

async function readHeader(file: string): Promise<{ header: Header; size: number }> {
  return withFile(file, async (read, size) => {
    const start = await read(0, Math.min(8, size));
    const length = start.length < 8 ? 0 : Number(new DataView(start.buffer).getBigUint64(0, true));
    // A length that is too large is the parser's to refuse; it is not read.
    const whole = length > MAX_HEADER_BYTES ? start : await read(0, Math.min(8 + length, size));
    return { header: parseHeader(whole, file, size), size };
  });
}

async function readTensor(file: string, size: number, bodyStart: number, entry: HeaderEntry): Promise<Float32Array> {
  return withFile(file, async (read, now) => {
    if (now !== size) throw new FileError({ what: "The weights changed while they were read.", where: file });
    const bytes = await read(bodyStart + entry.start, bodyStart + entry.end);
    const { data } = decodeTensor(bytes, { ...entry, start: 0, end: bytes.length }, file);
    if (data instanceof Float32Array) return data;
    throw new FileError({
      what: "A weight is not stored as floating-point numbers.",
      where: `${file}, tensor "${entry.name}"`,
      got: entry.stored,
      expected: "F32, F16 or BF16",
    });
  });
}

type Read = (start: number, end: number) => Promise<Uint8Array<ArrayBuffer>>;

async function withFile<T>(file: string, use: (read: Read, size: number) => Promise<T>): Promise<T> {
  try {
    const handle = await open(file, "r");
    try {
      const { size } = await handle.stat();
      const read: Read = async (start, end) => {
        const bytes = new Uint8Array(end - start);
        let filled = 0;
        while (filled < bytes.length) {
          const { bytesRead } = await handle.read(bytes, filled, Math.min(READ_BYTES, bytes.length - filled), start + filled);
          if (bytesRead === 0) throw new FileError({ what: "The file ends too early.", where: file });
          filled += bytesRead;
        }
        return bytes;
      };
      return await use(read, size);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError(error, `Could not read ${file}.`);
  }
}

async function isFile(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.isFile() ?? false;
}
