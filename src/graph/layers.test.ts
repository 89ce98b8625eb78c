import { expect, test } from "vitest";
import { gradients } from "../autodiff/gradient.ts";
import { nodeLabels } from "../lower/emitter.ts";
import { collect, type Graph, isInput } from "./graph.ts";
import { Parameter } from "./leaf.ts";
import { input } from "./ops/source.ts";
import { simplify } from "./passes/simplify.ts";
import { builtFor, type Tensor, withLines } from "./tensor.ts";

function leaf(path: string, shape: number[]): Parameter {
  const parameter = new Parameter(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));
  parameter.path = path;
  return parameter;
}

/** Two layers and a loss, with the gradient of the first layer's weight. */
function training(): Graph {
  const weight = leaf("encoder.layers.0.weight", [3, 4]);
  const scale = leaf("scale", [4]);
  const x = input("x", [2, 3]);
  const y = withLines(() => x.square().matmul(weight).tanh().mul(scale).sum());
  const [d] = gradients(y, [weight]);
  return simplify(collect(Object.entries({ y, d }).map(([name, tensor]: [string, Tensor]) => ({ name, tensor }))));
}

test("a node belongs to the layer whose parameter it reads, what follows too, and gradients to the layer of their node", () => {
  const graph = training();
  const rows = graph.nodes.filter((node) => !isInput(node)).map((node) => `${node.op.name}: ${node.layer}`);
  expect(rows).toMatchInlineSnapshot(`
    [
      "mul: undefined",
      "matmul: encoder.layers.0",
      "tanh: encoder.layers.0",
      "mul: scale",
      "sum: scale",
      "constant: undefined",
      "mul: encoder.layers.0",
      "constant: scale",
      "mul: scale",
      "sub: encoder.layers.0",
      "mul: encoder.layers.0",
      "matmul: encoder.layers.0",
    ]
  `);
});

test("ONNX nodes are named after layer, op and place", () => {
  expect([...nodeLabels(training()).values()]).toMatchInlineSnapshot(`
    [
      "mul#0",
      "encoder.layers.0/matmul#1",
      "encoder.layers.0/tanh#2",
      "scale/mul#3",
      "scale/sum#4",
      "constant#5",
      "encoder.layers.0/mul#6",
      "scale/constant#7",
      "scale/mul#8",
      "encoder.layers.0/sub#9",
      "encoder.layers.0/mul#10",
      "encoder.layers.0/matmul#11",
    ]
  `);
});

test("what a gradient rule made leads to the node and the line of the user's code", () => {
  const graph = training();
  const product = graph.nodes.filter((node) => node.op.name === "matmul" || node.op.name === "gemm").at(-1)!;
  expect(product.line).toBeUndefined();
  expect(builtFor(product).op.name).toBe("matmul");
  expect(builtFor(product).line).toContain("layers.test.ts");
});
