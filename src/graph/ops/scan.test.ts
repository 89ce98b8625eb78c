import { describe, expect, test } from "vitest";
import { gradients } from "../../autodiff/gradient.ts";
import { sizeOf, type TypedArray } from "../../core/dtype.ts";
import { lower } from "../../lower/lower.ts";
import { interpret } from "../../runtime/interpreter.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { gradientError, spread, weightedSum } from "../../runtime/testing/check.ts";
import { collect, type Graph } from "../graph.ts";
import type { Target } from "../onnx.ts";
import { simplify } from "../passes/simplify.ts";
import { canonicalText } from "../print.ts";
import type { GraphNode, Tensor } from "../tensor.ts";
import { verify } from "../verify.ts";
import { customGradient } from "./control.ts";
import { gather } from "./gather.ts";
import { linear } from "./linalg.ts";
import { concat, reshape } from "./movement.ts";
import { type ScanOptions, type StepResult, scan } from "./scan.ts";
import { constant, input } from "./source.ts";
import { chunk } from "./split.ts";

type Step = (carry: readonly Tensor[], x: readonly Tensor[]) => StepResult;

/** The same recurrence written out, for comparison. */
function unrolled(step: Step, { init, xs = [], length = xs[0]?.shape[0], reverse = false }: ScanOptions) {
  let carry = init;
  const stacks: Tensor[][] = [];
  for (let i = 0; i < length; i++) {
    const at = reverse ? length - 1 - i : i;
    const slices = xs.map((x) => reshape(x.slice(0, at, at + 1), x.shape.slice(1)));
    const result = step(carry, slices);
    carry = result.carry;
    (result.outputs ?? []).forEach((y, j) => {
      stacks[j] ??= [];
      stacks[j][at] = reshape(y, [1, ...y.shape]);
    });
  }
  return { carry, outputs: stacks.map((parts) => concat(parts, 0)) };
}

interface Case {
  name: string;
  inputs: Record<string, number[]>;
  build: (x: Record<string, Tensor>, loop: typeof scan) => { carry: readonly Tensor[]; outputs: readonly Tensor[] };
}

const cases: Case[] = [
  {
    name: "a recurrent layer: captured weights and bias, products hoisted",
    inputs: { x: [4, 2, 3], h: [2, 3], w: [3, 3], u: [3, 3], b: [3] },
    build: ({ x, h, w, u, b }, loop) =>
      loop(
        ([state], [slice]) => {
          const next = linear(slice, w, b).add(state.matmul(u)).tanh();
          return { carry: [next], outputs: [next.matmul(w), slice.exp()] };
        },
        { init: [h], xs: [x] },
      ),
  },
  {
    name: "gates, backwards",
    inputs: { x: [3, 2, 8], h: [2, 2], c: [2, 2], u: [8, 2] },
    build: ({ x, h, c, u }, loop) =>
      loop(
        ([hidden, cell], [slice]) => {
          const [i, f, g, o] = chunk(slice.add(linear(hidden, u)), 4, -1);
          const next = f.sigmoid().mul(cell).add(i.sigmoid().mul(g.tanh()));
          const out = o.sigmoid().mul(next.tanh());
          return { carry: [out, next], outputs: [out] };
        },
        { init: [h, c], xs: [x], reverse: true },
      ),
  },
  {
    name: "nothing sliced, carries that trade places, a value outside of the step",
    inputs: { a: [3], b: [3], k: [3] },
    build: ({ a, b, k }, loop) => loop(([p, q]) => ({ carry: [q, p.mul(k.exp())], outputs: [p] }), { init: [a, b], length: 3 }),
  },
  {
    name: "an op that cannot be stacked, and a step count of one",
    inputs: { x: [1, 4], h: [4] },
    build: ({ x, h }, loop) =>
      loop(([s], [slice]) => ({ carry: [customGradient(s.mul(slice), [s, slice], (dy) => [dy.mul(slice), dy.mul(s)])] }), {
        init: [h],
        xs: [x],
      }),
  },
  {
    name: "look-ups, in a table that stays and in one that changes, and in one of the loop's own",
    inputs: { x: [3, 4], h: [2], w: [2, 2] },
    build: ({ x, h, w }, loop) => {
      const pick = constant([2, 0], "int64");
      return loop(
        ([s], [v]) => {
          const row = gather(w, v.slice(0, 0, 1).greater(0).cast("int64"), 0).reshape([2]);
          const own = gather(s, v.slice(0, 1, 3).greater(0).cast("int64"), 0);
          return {
            carry: [
              own
                .mul(row)
                .add(gather(v, pick, 0))
                .tanh(),
            ],
            outputs: [gather(s, constant([1], "int64"), 0)],
          };
        },
        { init: [h], xs: [x] },
      );
    },
  },
  {
    name: "two steps, backwards",
    inputs: { x: [2, 3], h: [3], w: [3] },
    build: ({ x, h, w }, loop) =>
      loop(([s], [v]) => ({ carry: [s.mul(w).add(v).tanh()], outputs: [s.mul(v)] }), { init: [h], xs: [x], reverse: true }),
  },
  {
    name: "a scan inside a scan",
    inputs: { x: [3, 4, 2], h: [2], w: [2] },
    build: ({ x, h, w }, loop) =>
      loop(
        ([s], [row]) => {
          const inner = loop(([t], [v]) => ({ carry: [t.mul(w).add(v).tanh()], outputs: [t.mul(v)] }), { init: [s], xs: [row] });
          return { carry: [inner.carry[0]], outputs: [inner.outputs[0].sum(0)] };
        },
        { init: [h], xs: [x] },
      ),
  },
  {
    name: "weights used in every way a sum over steps knows",
    inputs: { x: [3, 2, 2], h: [2, 2], w: [2, 2], b: [2], m: [2, 2] },
    build: ({ x, h, w, b, m }, loop) =>
      loop(
        ([s], [v]) => {
          const right = s.matmul(w.transpose()).add(b);
          const left = m.matmul(s.transpose()).transpose().sub(b.neg());
          const next = right.add(left).mul(v).tanh();
          return { carry: [next.add(w.slice(0, 0, 1))], outputs: [b.mul(2), next.square().sum(1)] };
        },
        { init: [h], xs: [x] },
      ),
  },
];

function prepared({ inputs, build }: Case, loop: unknown) {
  const symbols = Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, input(name, shape)]));
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, shape], i) => [name, spread(sizeOf(shape), [-0.9, 0.9], i)]));
  const { carry, outputs } = build(symbols, loop as typeof scan);
  return { xs: Object.values(symbols), feeds, outputs: [...carry, ...outputs] };
}

function everything({ outputs, xs }: { outputs: Tensor[]; xs: Tensor[] }): Tensor[] {
  const total = weightedSum(outputs, 11);
  const first = gradients(total.mul(total), xs);
  return [...outputs, ...first, ...gradients(weightedSum(first, 23), xs)];
}

const graphOf = (tensors: readonly Tensor[]) => collect(tensors.map((tensor, i) => ({ name: `y${i}`, tensor })));

describe.each(cases.map((c) => [c.name, c] as const))("%s", (_name, example) => {
  test("values and first and second gradients are those of the unrolled steps", () => {
    const looped = prepared(example, scan);
    const plain = prepared(example, unrolled);
    const got = interpret(graphOf(everything(looped)), looped.feeds);
    const expected = interpret(graphOf(everything(plain)), plain.feeds);
    for (const name of Object.keys(expected)) {
      expect(got[name].shape, name).toEqual(expected[name].shape);
      const off = Math.max(0, ...got[name].data.map((v, i) => Math.abs(v - expected[name].data[i])));
      expect(off, name).toBeLessThan(1e-9 * Math.max(1, ...expected[name].data.map(Math.abs)));
    }
  });

  test("the gradient equals finite differences", () => {
    const { outputs, xs, feeds } = prepared(example, scan);
    expect(gradientError(weightedSum(outputs, 11), xs, feeds)).toBeLessThan(2e-6);
  });

  test.each(["cpu", "portable"] as Target[])("simplified and lowered it gives the interpreter's values, %s form", async (target) => {
    const looped = prepared(example, scan);
    const graph = graphOf(everything(looped));
    verify(graph, "tracing");
    const simple = simplify(graph);
    verify(simple, "simplify");
    expect(simplify(simple).nodes.length).toBeLessThanOrEqual(simple.nodes.length);
    const feeds = Object.fromEntries(Object.entries(looped.feeds).map(([name, data]) => [name, Float32Array.from(data)]));
    const expected = interpret(graph, feeds);
    const backend = await openBackend({ device: "cpu" });
    const executable = await backend.load(lower(simple, { target }), { name: "scan", optimize: "none" });
    const results: Record<string, TypedArray> = Object.fromEntries(
      simple.outputs.map(({ name, tensor }) => [name, new Float32Array(tensor.size)]),
    );
    const binding = executable.bind(Object.fromEntries(simple.inputs.map(({ name }) => [name, feeds[name]])), results);
    await binding.run();
    binding.dispose();
    await executable.dispose();
    for (const name of Object.keys(expected)) {
      const scale = Math.max(0.05, ...expected[name].data.map(Math.abs));
      const off = Math.max(0, ...expected[name].data.map((v, i) => Math.abs(v - Number(results[name][i]))));
      expect(off / scale, name).toBeLessThan(1e-5);
    }
  });
});

describe("what a loop is made of", () => {
  const x = input("x", [5, 2, 3]);
  const h = input("h", [2, 4]);
  const w = input("w", [4, 3]);
  const u = input("u", [4, 4]);
  const layer = () =>
    scan(
      ([state], [slice]) => {
        const next = linear(slice, w).add(linear(state, u)).tanh();
        return { carry: [next], outputs: [next.matmul(w)] };
      },
      { init: [h], xs: [x] },
    );

  test("products with a slice are outside, before the loop, and those with an output after it", () => {
    const graph = simplify(graphOf(layer().outputs));
    const loop = graph.nodes.find((node) => node.op.name === "scan")!;
    expect(bodyOf(loop).map((node) => node.op.name)).toEqual(["matmul", "add", "tanh"]);
    expect(graph.nodes.filter((node) => node.op.name === "matmul").length).toBe(2);
  });

  test("the gradient's loop holds no product with a weight's gradient, and chains of factors are one", () => {
    const total = layer().outputs[0].sum();
    const graph = simplify(graphOf(gradients(total, [w, u])));
    const loops = graph.nodes.filter((node) => node.op.name === "scan");
    expect(loops.map((loop) => bodyOf(loop).map((node) => node.op.name))).toEqual([
      ["matmul", "add", "tanh"],
      ["add", "mul", "matmul"],
    ]);
  });

  test("outputs that nothing reads are dropped, and a body is part of a graph's text", () => {
    const looped = layer();
    const last = simplify(graphOf(looped.carry));
    expect(last.nodes.find((node) => node.op.name === "scan")!.outputs.length).toBe(1);
    expect(canonicalText(last)).toMatch(/scan\(.*\{body: \{\ninputs: c0 f32\[2,4\], x1 f32\[2,4\], k2 f32\[4,4\]\n[\s\S]*tanh/);
  });

  const bodyOf = (node: GraphNode) => (node.attrs.body as Graph).nodes;
});

describe("what scan refuses", () => {
  const h = input("h", [2]);
  const same: Step = ([state]) => ({ carry: [state] });
  test.each([
    ["no carry", () => scan(same, { init: [], length: 2 }), /there must be a carry/],
    ["no length", () => scan(same, { init: [h] }), /at least one step/],
    ["no steps", () => scan(same, { init: [h], length: 0 }), /at least one step/],
    ["slices of other lengths", () => scan(same, { init: [h], xs: [input("x", [3]), input("y", [4])] }), /must be 3/],
    ["a carry too many", () => scan(([s]) => ({ carry: [s, s] }), { init: [h], length: 2 }), /gave 2 carries/],
    ["a carry of another shape", () => scan(([s]) => ({ carry: [s.sum()] }), { init: [h], length: 2 }), /keep its shape/],
  ])("%s", (_what, build, message) => expect(build).toThrow(message));
});

test("a captured value that is an output of the program keeps its name inside the loop", async () => {
  const a = input("a", [2]);
  const k = a.exp();
  const { carry } = scan(([s]) => ({ carry: [s.mul(k)] }), { init: [a], length: 2 });
  const graph = simplify(
    collect([
      { name: "k", tensor: k },
      { name: "last", tensor: carry[0] },
    ]),
  );
  const backend = await openBackend({ device: "cpu" });
  const executable = await backend.load(lower(graph, { target: "cpu" }), { name: "captured", optimize: "all" });
  const results = { k: new Float32Array(2), last: new Float32Array(2) };
  const binding = executable.bind({ a: Float32Array.of(0, 1) }, results);
  await binding.run();
  binding.dispose();
  await executable.dispose();
  expect(results.k[1]).toBeCloseTo(Math.E, 5);
  expect(results.last[1]).toBeCloseTo(Math.E ** 2, 5);
});
