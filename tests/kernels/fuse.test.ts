import { describe, expect, test } from "vitest";
import { RandomStream } from "../../src/core/random.ts";
import { collect, isInput } from "../../src/graph/graph.ts";
import type { KernelSource } from "../../src/graph/onnx.ts";
import * as ops from "../../src/graph/ops/elementwise.ts";
import { matmul } from "../../src/graph/ops/linalg.ts";
import { reshape, transpose } from "../../src/graph/ops/movement.ts";
import { sum } from "../../src/graph/ops/reduce.ts";
import { constant, input } from "../../src/graph/ops/source.ts";
import type { GraphNode, Tensor } from "../../src/graph/tensor.ts";
import { fuse, type Unit } from "../../src/lower/fuse.ts";
import { available, compare } from "./compare.ts";

const unary = [ops.tanh, ops.sigmoid, ops.relu, ops.softplus, ops.step, ops.neg, ops.abs, (x: Tensor) => ops.leakyRelu(x, 0.2)];
const binary = [ops.add, ops.sub, ops.mul, ops.maximum, ops.minimum, (a: Tensor, b: Tensor) => ops.div(a, ops.add(ops.abs(b), 1))];

/** A graph that grows from a few inputs by ops drawn at random, and the numbers to feed it: `steps` ops at least, each of the last `near` tensors. */
function randomGraph(seed: number, { steps = 6, more = 22, near = 10 } = {}) {
  const random = new RandomStream(seed, "fuse");
  const upTo = (most: number) => Math.floor(random.uniform() * most);
  const pick = <T>(list: readonly T[]): T => list[upTo(list.length)];
  const [a, b, c] = pick([
    [24, 25, 2],
    [3, 16, 33],
    [40, 1, 40],
    [7, 11, 13],
  ]);
  const shapes = [[a, b, c], [a, b, c], [c], [b, 1], [a, 1, 1], [1], [a, 1, c], [a * b, c]];
  const inputs = shapes.map((shape, i) => input(`x${i}`, shape));
  const feeds = Object.fromEntries(
    inputs.map(({ size }, i) => {
      const values = new Float32Array(size);
      random.fillNormal(values);
      return [`x${i}`, values];
    }),
  );
  const pool: Tensor[] = [...inputs];
  const goes = (x: Tensor, y: Tensor) => {
    const rank = Math.max(x.rank, y.rank);
    const at = (t: Tensor, axis: number) => t.shape[axis - (rank - t.rank)] ?? 1;
    return Array.from({ length: rank }, (_, i) => [at(x, i), at(y, i)]).every(([m, n]) => m === n || m === 1 || n === 1);
  };
  for (let step = 0; step < steps + upTo(more); step++) {
    const x = pick(pool.slice(-near).concat(inputs[0]));
    const kind = random.uniform();
    if (kind < 0.3) pool.push(pick(unary)(x));
    else if (kind < 0.7) pool.push(pick(binary)(x, pick(pool.filter((y) => goes(x, y)))));
    else if (kind < 0.85) {
      const axes = x.shape.map((_, i) => i).filter(() => random.uniform() < 0.5);
      if (axes.length > 0) pool.push(ops.mul(sum(x, axes, { keepDims: random.uniform() < 0.7 }), 0.1));
    } else if (kind < 0.93) pool.push(x.rank === 3 ? reshape(x, [x.shape[0] * x.shape[1], x.shape[2]]) : reshape(x, [x.size]));
    else if (x.rank === 2 && x.shape[0] * x.shape[1] > 1) pool.push(ops.mul(ops.tanh(matmul(transpose(x, [1, 0]), x)), 0.5));
  }
  const made = pool.slice(inputs.length);
  const ends = [...made.slice(-3), ...made.filter(() => random.uniform() < 0.1)];
  return { outputs: Object.fromEntries(ends.map((tensor, i) => [`y${i}`, tensor])), feeds };
}

/** Everything is there once, nothing before what it needs, and nothing that nobody reads. */
function checkOrder(units: readonly Unit[], outputs: Record<string, Tensor>): void {
  const graph = collect(Object.entries(outputs).map(([name, tensor]) => ({ name, tensor })));
  const read = new Set([...Object.values(outputs), ...units.flatMap((unit) => ("node" in unit ? unit.node.inputs : unit.inputs))]);
  for (const unit of units) expect(("node" in unit ? unit.node.outputs : unit.results).some((result) => read.has(result))).toBe(true);
  const had = new Set<Tensor>(graph.nodes.filter(isInput).flatMap((node: GraphNode) => node.outputs));
  for (const unit of units) {
    const [needs, makes] = "node" in unit ? [unit.node.inputs, unit.node.outputs] : [unit.inputs, unit.results];
    for (const tensor of needs) expect(had.has(tensor)).toBe(true);
    for (const tensor of makes) {
      expect(had.has(tensor)).toBe(false);
      had.add(tensor);
    }
  }
  for (const tensor of Object.values(outputs)) expect(had.has(tensor)).toBe(true);
}

// Seeds whose clusters once waited for each other: an old node outside of all clusters needed one that had grown since.
test.each([[40], [245], [269], [544], [623]])("random graph %i of hundreds of ops: no cluster waits for itself", (seed) => {
  const elementwise = "tanh sigmoid relu softplus step neg abs leakyRelu add sub mul maximum minimum div".split(" ");
  const kernels: KernelSource = { elementwise: new Set(elementwise), heavy: false, find: () => ({ name: "any", outputs: [] }) };
  const { outputs } = randomGraph(seed, { steps: 150, more: 500, near: 40 });
  checkOrder(fuse(collect(Object.entries(outputs).map(([name, tensor]) => ({ name, tensor }))), kernels), outputs);
});

describe.skipIf(!available)("clusters of a graph as kernels", () => {
  test.each(Array.from({ length: 10 }, (_, i) => i * 10))(
    "random graphs %i to +9: right numbers, everything once and in order",
    async (from) => {
      let kernels = 0;
      for (let seed = from; seed < from + 10; seed++) {
        const { outputs, feeds } = randomGraph(seed);
        const named = collect(Object.entries(outputs).map(([name, tensor]) => ({ name, tensor }))).inputs.map(({ name }) => name);
        const result = await compare(outputs, Object.fromEntries(named.map((name) => [name, feeds[name]])));
        expect({ seed, error: result.error < 1e-5 ? "small" : result.error }).toEqual({ seed, error: "small" });
        checkOrder(result.units, outputs);
        kernels += result.kernels.length;
      }
      expect(kernels).toBeGreaterThan(5);
    },
  );

  test("large constants are read like any tensor", async () => {
    const values = Float32Array.from({ length: 2048 }, (_, i) => Math.sin(i));
    const x = input("x", [2048]);
    const y = ops.mul(x, constant(values, "float32", [2048]));
    const result = await compare({ y, z: ops.tanh(ops.add(y, x)) }, { x: values.map((value) => value + 1) });
    expect(result.kernels.length).toBe(1);
    expect(result.error).toBeLessThan(1e-5);
  });
});
