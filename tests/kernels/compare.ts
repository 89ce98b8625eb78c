import { collect } from "../../src/graph/graph.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { fuse, type Unit } from "../../src/lower/fuse.ts";
import { lower } from "../../src/lower/lower.ts";
import { KernelSet } from "../../src/native/index.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { FfiBackend } from "../../src/runtime/node/ffi-backend.ts";
import { kernelSupport } from "../../src/runtime/node/kernels.ts";
import { locateLibrary } from "../../src/runtime/node/locate.ts";

const library = locateLibrary();
export const available = kernelSupport().available && library !== undefined;
const backend = available ? new FfiBackend(library!.path) : undefined;

export interface Comparison {
  /** Largest difference from the interpreter, relative to the largest number of its output; infinite where NaN and infinities are not the same. */
  error: number;
  /** Names of the kernels that took part. */
  kernels: string[];
  units: readonly Unit[];
  results: Record<string, Float32Array>;
}

/** Run a graph with kernels, twice, and hold it against the interpreter. Both runs must give the same bits. */
export async function compare(outputs: Record<string, Tensor>, feeds: Record<string, Float32Array>): Promise<Comparison> {
  const graph = collect(Object.entries(outputs).map(([name, tensor]) => ({ name, tensor })));
  const kernels = new KernelSet(backend!.environment.threading.threads);
  const units = fuse(graph, kernels);
  const executable = await backend!.load(lower(graph, { target: "cpu", kernels }), { name: "test", optimize: "none", kernels });
  const results = Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, new Float32Array(tensor.size)]));
  const binding = executable.bind(feeds, results);
  await binding.run();
  const first = Object.values(results).map((values) => Buffer.from(values.slice().buffer));
  await binding.run(); // what the first run left in the working memory must not show
  binding.dispose();
  await executable.dispose();
  Object.values(results).forEach((values, i) => {
    if (!first[i].equals(Buffer.from(values.buffer))) throw new Error("two runs differ");
  });
  const expected = interpret(graph, feeds);
  const error = Math.max(...Object.entries(results).map(([name, values]) => difference(values, expected[name].data)));
  return { error, kernels: [...kernels.codes.keys()], units, results };
}

function difference(values: Float32Array, reference: ArrayLike<number>): number {
  const scale = Array.from(reference).reduce((most, v) => (Number.isFinite(v) ? Math.max(most, Math.abs(v)) : most), 1e-6);
  return values.reduce((most, v, i) => {
    if (Object.is(v, reference[i]) || v === reference[i]) return most;
    const distance = Math.abs(v - reference[i]) / scale;
    return Number.isFinite(distance) ? Math.max(most, distance) : Number.POSITIVE_INFINITY;
  }, 0);
}
