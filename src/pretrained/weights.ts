import { sizeOf } from "../core/dtype.ts";
import { FileError } from "../core/errors.ts";
import type { Parameter } from "../graph/leaf.ts";
import { sameShape } from "../graph/shape.ts";
import { type Module, namedParameters } from "../nn/module.ts";
import type { Architecture } from "./architecture.ts";
import type { FileTensor } from "./safetensors.ts";

/** A tensor that a file holds, and how to get at its numbers. */
export interface StoredTensor {
  readonly shape: readonly number[];
  /** Row-major numbers, in an array that nobody else keeps. @throws FileError where they cannot be read or are not floats */
  read(): Promise<Float32Array>;
}

interface Wanted {
  readonly parameter: Parameter;
  readonly transposed: boolean;
  /** In the file's layout. */
  readonly shape: readonly number[];
}

/**
 * Give a network the weights of a file, name by name. All names and shapes are compared before anything is read.
 * @throws FileError that lists what is missing, unexpected or of another shape; FileError where two names for one weight hold different numbers
 */
export async function assignWeights(
  architecture: Architecture,
  network: Module,
  tensors: ReadonlyMap<string, StoredTensor>,
  where: string,
): Promise<void> {
  const wanted = wantedBy(architecture, network);
  const shared = architecture.shared(architecture.configOf(network));
  const found = new Map<string, StoredTensor>();
  for (const [name, tensor] of tensors) {
    const present = architecture.present(name);
    if (present !== undefined && found.has(present))
      throw new FileError({ what: "A weight stands in the file under two names.", where, got: present });
    if (present !== undefined) found.set(present, tensor);
  }
  requireFit(wanted, found, shared, where);
  for (const [name, { parameter, transposed, shape }] of wanted) {
    const data = await found.get(name)!.read();
    parameter.data = transposed ? transpose(data, shape) : data;
  }
  for (const [name, twin] of Object.entries(shared)) {
    const tensor = found.get(name);
    if (tensor === undefined || sameNumbers(await tensor.read(), wanted.get(twin)!.parameter.data)) continue;
    throw new FileError({
      what: "Two weights that the configuration says are one have different numbers in the file.",
      where,
      got: `${name} and ${twin}`,
      hint: 'set "tie_word_embeddings" to false in config.json if the network was trained so',
    });
  }
}

/** A network's parameters under their names in a file, in the file's layout: what `assignWeights` reads. */
export function storedWeights(architecture: Architecture, network: Module): Map<string, FileTensor> {
  const out = new Map<string, FileTensor>();
  for (const [name, { parameter, transposed, shape }] of wantedBy(architecture, network))
    out.set(name, { dtype: "float32", shape, data: transposed ? transpose(parameter.data, parameter.shape) : parameter.data });
  for (const [name, shape] of Object.entries(architecture.zeros?.(architecture.configOf(network)) ?? {}))
    out.set(name, { dtype: "float32", shape, data: new Float32Array(sizeOf(shape)) });
  return out;
}

function wantedBy(architecture: Architecture, network: Module): Map<string, Wanted> {
  return new Map(
    [...namedParameters(network)].map(([path, parameter]) => {
      const { name, transposed } = architecture.stored(path);
      return [name, { parameter, transposed, shape: transposed ? [...parameter.shape].reverse() : parameter.shape }];
    }),
  );
}

/** How many names of each kind an error lists. */
const MOST_LISTED = 8;

function requireFit(
  wanted: ReadonlyMap<string, Wanted>,
  found: ReadonlyMap<string, StoredTensor>,
  shared: Readonly<Record<string, string>>,
  where: string,
): void {
  const missing = [...wanted.keys()].filter((name) => !found.has(name));
  const unexpected = [...found.keys()].filter((name) => !wanted.has(name) && !Object.hasOwn(shared, name));
  const misshapen = [...wanted].flatMap(([name, { shape }]) => {
    const tensor = found.get(name);
    if (tensor === undefined || sameShape(tensor.shape, shape)) return [];
    return [`${name} [${tensor.shape.join(",")}] instead of [${shape.join(",")}]`];
  });
  if (missing.length + unexpected.length + misshapen.length === 0) return;
  const lists = [listed("missing", missing), listed("unexpected", unexpected), listed("of another shape", misshapen)];
  throw new FileError({
    what: "The weights do not fit the configuration.",
    where,
    got: lists.filter((text) => text !== "").join("; "),
    hint: "config.json and the weights must be of one model: fetch the folder again",
  });
}

function listed(kind: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  const more = names.length > MOST_LISTED ? ` and ${names.length - MOST_LISTED} more` : "";
  return `${names.length} ${kind}: ${names.slice(0, MOST_LISTED).join(", ")}${more}`;
}

/** [rows, columns] -> [columns, rows], in blocks that stay in the cache. */
function transpose(data: Float32Array, [rows, columns]: readonly number[]): Float32Array {
  const out = new Float32Array(data.length);
  const side = 32;
  for (let top = 0; top < rows; top += side) {
    for (let left = 0; left < columns; left += side) {
      for (let i = top; i < Math.min(top + side, rows); i++)
        for (let j = left; j < Math.min(left + side, columns); j++) out[j * rows + i] = data[i * columns + j];
    }
  }
  return out;
}

function sameNumbers(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
