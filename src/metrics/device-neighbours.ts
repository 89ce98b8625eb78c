import { matmul } from "../graph/ops/linalg.ts";
import { topK } from "../graph/ops/sort.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";
import { type FeatureSet, requireFeatures } from "./features.ts";
import type { FindNeighbours, Neighbours } from "./neighbours.ts";

/** Rows of the queries and of the base set that one run compares: 24 MB of distances. */
const QUERIES = 500;
const BASE = 12_000;

/**
 * {@link nearestNeighbours} by matrix products on a device, tens of times faster for large sets: the two nearest of each block are found in single
 * precision, the nearest of those by exact distances. Of rows that differ by less than about 1e-6 of their length it may name another than the first.
 */
export function deviceNeighbours(backend: Backend): FindNeighbours {
  return async (queries, base, own) => {
    requireFeatures("nearest neighbours", { queries, base }, 1);
    const blocks = { queries: Math.min(QUERIES, queries.count), base: Math.min(BASE, base.count) };
    const { size } = base;
    const kept = Math.min(2, blocks.base);
    // |q - b|² without |q|², which is the same for a whole row.
    const program = await compile(
      backend,
      ({ q, b, norms }) => ({ indices: topK(norms.sub(matmul(q, b, { transB: true, alpha: 2 })), kept, 1, { largest: false }).indices }),
      {
        name: "nearest neighbours",
        inputs: {
          q: { shape: [blocks.queries, size] },
          b: { shape: [blocks.base, size] },
          norms: { shape: [1, blocks.base] },
        },
      },
    );
    const centre = meanOf(base);
    const found = new Search(queries, base, own);
    for (let from = 0; from < base.count; from += blocks.base) {
      const start = Math.min(from, base.count - blocks.base);
      const b = centred(base, centre, start, program.inputs.b as Float32Array);
      (program.inputs.norms as Float32Array).set(b.norms);
      for (let first = 0; first < queries.count; first += blocks.queries) {
        const begin = Math.min(first, queries.count - blocks.queries);
        centred(queries, centre, begin, program.inputs.q as Float32Array);
        const { indices } = await program.run();
        for (let i = 0; i < blocks.queries; i++)
          for (let k = 0; k < kept; k++) found.offer(begin + i, start + Number(indices[i * kept + k]));
      }
    }
    await program.dispose();
    return found.result();
  };
}

/** The nearest of the rows offered, by distances in double precision. */
class Search {
  readonly #queries: FeatureSet;
  readonly #base: FeatureSet;
  readonly #own: Uint32Array | undefined;
  readonly #indices: Uint32Array;
  readonly #squared: Float64Array;

  constructor(queries: FeatureSet, base: FeatureSet, own: Uint32Array | undefined) {
    this.#queries = queries;
    this.#base = base;
    this.#own = own;
    this.#indices = new Uint32Array(queries.count);
    this.#squared = new Float64Array(queries.count).fill(Number.POSITIVE_INFINITY);
  }

  offer(query: number, row: number): void {
    if (this.#own?.[query] === row) return;
    const { size, values } = this.#base;
    let sum = 0;
    for (let k = 0; k < size; k++) sum += (this.#queries.values[query * size + k] - values[row * size + k]) ** 2;
    if (sum > this.#squared[query] || (sum === this.#squared[query] && row >= this.#indices[query])) return;
    this.#squared[query] = sum;
    this.#indices[query] = row;
  }

  result(): Neighbours {
    return { indices: this.#indices, distances: this.#squared.map(Math.sqrt) };
  }
}

function meanOf({ values, count, size }: FeatureSet): Float64Array {
  const mean = new Float64Array(size);
  for (let i = 0; i < values.length; i++) mean[i % size] += values[i] / count;
  return mean;
}

/** Rows from `start` on less the mean, into `target`: small numbers lose least to rounding. Their squared lengths besides. */
function centred({ values, size }: FeatureSet, mean: Float64Array, start: number, target: Float32Array): { norms: Float64Array } {
  const norms = new Float64Array(target.length / size);
  for (let i = 0; i < target.length; i++) {
    const value = values[start * size + i] - mean[i % size];
    target[i] = value;
    norms[Math.floor(i / size)] += value * value;
  }
  return { norms };
}
