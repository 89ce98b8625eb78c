import { expect, test } from "vitest";
import { collect, type Graph } from "./graph.ts";
import type { OpRecord } from "./op.ts";
import { input } from "./ops/source.ts";
import { GraphNode, type Tensor } from "./tensor.ts";
import { verify } from "./verify.ts";

const x = input("x", [2, 3]);
const y = x.exp();
const graphOf = (tensor: Tensor): Graph => collect([{ name: "out", tensor }]);
const nodeLike = (change: Partial<{ op: OpRecord; specs: { shape: number[]; dtype: "float32" | "int32" }[] }>) =>
  new GraphNode(change.op ?? y.node.op, [x], {}, change.specs ?? [{ shape: [2, 3], dtype: "float32" }]).outputs[0];

test("a traced graph is legal", () => {
  expect(() => verify(graphOf(y.sum()), "tracing")).not.toThrow();
});

test("a wrong shape is named with the stage, the op and what it must be", () => {
  expect(() => verify(graphOf(nodeLike({ specs: [{ shape: [3, 2], dtype: "float32" }] })), "a pass")).toThrowErrorMatchingInlineSnapshot(`
    [AtelierError: The graph is not legal after a pass: output 0 is f32[3,2] but must be f32[2,3]
      where:    exp(f32[2,3])
      try:      this is a defect of the library: please report it with the graph's text]
  `);
});

test("a wrong dtype", () => {
  expect(() => verify(graphOf(nodeLike({ specs: [{ shape: [2, 3], dtype: "int32" }] })), "a pass")).toThrow(
    "output 0 is i32[2,3] but must be f32[2,3]",
  );
});

test("an op that is not in the list", () => {
  expect(() => verify(graphOf(nodeLike({ op: { ...y.node.op, name: "frobnicate" } })), "a pass")).toThrow('there is no op "frobnicate"');
});

test("operands whose shapes no longer fit are refused by the op's own rule", () => {
  const { op } = x.add(x).node;
  const bad = new GraphNode(op, [x, input("z", [5])], {}, [{ shape: [2, 3], dtype: "float32" }]).outputs[0];
  expect(() => verify(graphOf(bad), "a pass")).toThrow("do not broadcast");
});

test("nodes out of order, inputs left out and outputs never made", () => {
  const graph = graphOf(y.neg());
  expect(() => verify({ ...graph, nodes: [...graph.nodes].reverse() }, "a pass")).toThrow("it uses a value that is made later or never");
  expect(() => verify({ ...graph, inputs: [] }, "a pass")).toThrow('the input "x" is not among the graph\'s inputs');
  expect(() => verify({ ...graph, nodes: graph.nodes.slice(0, 1) }, "a pass")).toThrow('the output "out" is never made');
});

test("two inputs of one name are refused when a graph is collected", () => {
  expect(() => graphOf(x.add(input("x", [3])))).toThrow('Two inputs of one graph are named "x".');
});
