import { describe, expect, test } from "vitest";
import { gradients } from "../../autodiff/gradient.ts";
import type { TypedArray } from "../../core/dtype.ts";
import { allocate } from "../../core/dtype.ts";
import { lower } from "../../lower/lower.ts";
import { interpret } from "../../runtime/interpreter.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { collect, type Graph } from "../graph.ts";
import type { Target } from "../onnx.ts";
import { simplify } from "../passes/simplify.ts";
import { canonicalText } from "../print.ts";
import type { Tensor } from "../tensor.ts";
import { verify } from "../verify.ts";
import { customGradient, stopGradient } from "./control.ts";
import { and, where } from "./elementwise.ts";
import { scan } from "./scan.ts";
import { constant, input } from "./source.ts";
import { whileLoop } from "./while.ts";

const graphOf = (tensors: readonly Tensor[]) => collect(tensors.map((tensor, i) => ({ name: `y${i}`, tensor })));

/** Simplified and lowered for a target, run on float32 feeds. */
async function run(graph: Graph, feeds: Readonly<Record<string, readonly number[]>>, target: Target): Promise<Record<string, TypedArray>> {
  const backend = await openBackend({ device: "cpu" });
  const executable = await backend.load(lower(graph, { target }), { name: "while", optimize: target === "cpu" ? "all" : "none" });
  const results = Object.fromEntries(graph.outputs.map(({ name, tensor }) => [name, allocate(tensor.dtype, tensor.size)]));
  const binding = executable.bind(Object.fromEntries(graph.inputs.map(({ name }) => [name, Float32Array.from(feeds[name])])), results);
  await binding.run();
  binding.dispose();
  await executable.dispose();
  return results;
}

const x = input("x", [2]);
const k = input("k", [2]);
const count = () => constant(0, "int64");

interface Case {
  name: string;
  build: () => readonly Tensor[];
  feeds: Readonly<Record<string, readonly number[]>>;
  expected: readonly (readonly number[])[];
}

const cases: Case[] = [
  {
    name: "doubles until the sum is large, and counts; a captured value, a captured computation, constants",
    build: () =>
      whileLoop(
        [x, count()],
        ([s]) => s.sum().less(20),
        ([s, n]) => [s.mul(2).add(k.exp().mul(0)), n.add(constant(1, "int64"))],
        { most: 50 },
      ),
    feeds: { x: [1, 2], k: [3, 4] },
    expected: [[8, 16], [3]],
  },
  {
    name: "ends at its largest number of turns",
    build: () =>
      whileLoop(
        [x, count()],
        ([s]) => s.sum().less(1e9),
        ([s, n]) => [s.add(k), n.add(constant(1, "int64"))],
        { most: 4 },
      ),
    feeds: { x: [1, 2], k: [3, 4] },
    expected: [[13, 18], [4]],
  },
  {
    name: "no turn at all",
    build: () =>
      whileLoop(
        [x],
        ([s]) => s.sum().less(0),
        ([s]) => [s.mul(2)],
        { most: 4 },
      ),
    feeds: { x: [1, 2] },
    expected: [[1, 2]],
  },
  {
    name: "states that trade places, one that stays, one that becomes an outer value",
    build: () =>
      whileLoop(
        [x, k, constant([5, 5]), x.mul(1), count()],
        ([, , , , n]) => n.less(constant(3, "int64")),
        ([a, b, c, _d, n]) => [b, a, c, k, n.add(constant(1, "int64"))],
        { most: 9 },
      ),
    feeds: { x: [1, 2], k: [3, 4] },
    expected: [[3, 4], [1, 2], [5, 5], [3, 4], [3]],
  },
  {
    name: "a loop in a loop, with a gradient taken inside",
    build: () =>
      whileLoop(
        [x],
        ([s]) => s.sum().less(100),
        ([s]) => {
          const [slope] = gradients(s.square().mul(k), [s]);
          return whileLoop(
            [slope],
            ([t]) => t.sum().less(30),
            ([t]) => [t.add(s)],
            { most: 10 },
          );
        },
        { most: 10 },
      ),
    // [1, 2] -> slopes [2, 4] + 8 [1, 2] = [10, 20] -> slopes [20, 40] -> slopes [40, 80].
    feeds: { x: [1, 2], k: [1, 1] },
    expected: [[40, 80]],
  },
  {
    name: "in a step of a scan",
    build: () =>
      scan(
        ([s]) => ({
          carry: whileLoop(
            [s, k],
            ([a]) => and(a.sum().less(10), a.sum().greater(-1)),
            ([a, b]) => [a.add(b), b],
            { most: 100 },
          ).slice(0, 1),
        }),
        { init: [x], length: 3 },
      ).carry.map((last) => where(last.greater(0), last, 0)),
    feeds: { x: [1, 1], k: [1, 2] },
    expected: [[4, 7]],
  },
];

describe.each(cases.map((c) => [c.name, c] as const))("%s", (_name, { build, feeds, expected }) => {
  test("interpreted, simplified, and lowered in both forms", async () => {
    const graph = graphOf(build());
    verify(graph, "tracing");
    const simple = simplify(graph);
    verify(simple, "simplify");
    const values = [
      interpret(graph, feeds),
      interpret(simple, feeds),
      await run(simple, feeds, "cpu"),
      await run(simple, feeds, "portable"),
    ];
    for (const got of values) {
      const numbers = Object.values(got).map((value) => Array.from("data" in value ? value.data : value, Number));
      expect(numbers).toEqual(expected);
    }
  });
});

test("a body is part of a graph's text, and holds only what its states decide", () => {
  const [end] = whileLoop(
    [x],
    ([s]) => s.sum().less(20),
    ([s]) => [stopGradient(s.mul(k.exp())).add(constant(1))],
    { most: 5 },
  );
  expect(canonicalText(simplify(graphOf([end])))).toMatchInlineSnapshot(`
    "inputs: x f32[2], k f32[2]
    %0 f32[2] = exp(k)
    %1 f32[] = sum(x) {axes: [0], keepDims: false}
    %2 f32[] = constant() {data: [20], dtype: float32, shape: []}
    %3 bool[] = less(%1, %2)
    %4 f32[2] = while(%3, x, %0) {body: {
    inputs: turn i64[], entered bool[], s0 f32[2], k0 f32[2]
    %0 f32[] = constant() {data: [1], dtype: float32, shape: []}
    %1 f32[] = constant() {data: [20], dtype: float32, shape: []}
    %2 f32[2] = mul(s0, k0)
    %3 f32[2] = add(%2, %0)
    %4 f32[] = sum(%3) {axes: [0], keepDims: false}
    %5 bool[] = less(%4, %1)
    outputs: go = %5, s'0 = %3
    }, most: 5}
    outputs: y0 = %4"
  `);
});

describe("gradients", () => {
  const loop = () =>
    whileLoop(
      [x],
      ([s]) => s.sum().less(20),
      ([s]) => [s.mul(2)],
      { most: 50 },
    );

  test("there is none of a loop's own", () => {
    expect(() => gradients(loop()[0], [x])).toThrow(/A while loop has no gradient[\s\S]*customGradient/);
  });

  test("one of the caller's, and none at all", () => {
    const end = customGradient(loop()[0], [x], (dy) => [dy.mul(8)]);
    const graph = graphOf([...gradients(end.square(), [x]), ...gradients(stopGradient(loop()[0]).mul(x), [x])]);
    const { y0, y1 } = interpret(simplify(graph), { x: [1, 2] });
    expect([...y0.data]).toEqual([128, 256]);
    expect([...y1.data]).toEqual([8, 16]);
  });
});

describe("what it refuses", () => {
  const more = ([s]: readonly Tensor[]) => s.sum().less(3);
  test.each([
    ["no state", () => whileLoop([], more, () => [], { most: 3 }), /there must be a state/],
    ["no turns", () => whileLoop([x], more, ([s]) => [s], { most: 0 }), /most must be a whole number above 0/],
    ["a state too many", () => whileLoop([x], more, ([s]) => [s, s], { most: 2 }), /gave 2 states/],
    ["a state of another shape", () => whileLoop([x], more, ([s]) => [s.sum()], { most: 2 }), /keep its shape/],
    [
      "a condition per element",
      () =>
        whileLoop(
          [x],
          ([s]) => s.less(3),
          ([s]) => [s],
          { most: 2 },
        ),
      /must be a bool scalar/,
    ],
    [
      "a condition of numbers",
      () =>
        whileLoop(
          [x],
          ([s]) => s.sum(),
          ([s]) => [s],
          { most: 2 },
        ),
      /must be a bool scalar/,
    ],
  ])("%s", (_what, build, message) => expect(build).toThrow(message));
});
