import { fromBinary } from "@bufbuild/protobuf";
import { beforeAll, describe, expect, test } from "vitest";
import { RandomStream } from "../core/random.ts";
import { constant } from "../graph/ops/source.ts";
import type { Tensor } from "../graph/tensor.ts";
import { ModelProtoSchema } from "../lower/onnx_pb.ts";
import { Conv2d } from "../nn/conv.ts";
import { Linear } from "../nn/linear.ts";
import { Module } from "../nn/module.ts";
import { BatchNorm } from "../nn/norm.ts";
import type { Backend } from "../runtime/backend.ts";
import { openBackend } from "../runtime/node/open.ts";
import { compile } from "../runtime/program.ts";
import { exportedSize, exportFunction } from "./onnx-export.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend();
});

class Net extends Module {
  readonly conv = new Conv2d({ in: 2, out: 4, kernel: 3, padding: 1, rng: new RandomStream(0, "net") });
  readonly norm = new BatchNorm({ channels: 4 });
  readonly head = new Linear({ in: 4 * 16, out: 3, rng: new RandomStream(1, "net") });
  call(x: Tensor): Tensor {
    return this.head.call(this.norm.call(this.conv.call(x)).relu().flatten());
  }
}

const network = new Net();
const inputs = (batch: number) => ({ x: { shape: [batch, 2, 4, 4] } });

async function live(build: (x: Tensor) => Tensor, batch: number, values: Float32Array): Promise<Float32Array> {
  const program = await compile<"x", "y">(backend, ({ x }) => ({ y: build(x) }), { inputs: inputs(batch) });
  const result = (await program.run({ x: values })).y.slice() as Float32Array;
  await program.dispose();
  return result;
}

describe("a free batch axis", () => {
  const functions: Record<string, (x: Tensor) => Tensor> = {
    "a network": (x) => network.call(x),
    "batch and channels joined": (x) => x.reshape([-1, 16]).softmax().reshape([-1, 2, 16]).transpose([1, 0, 2]),
    "a stretch to the batch": (x) => x.max(0, { keepDims: true }).expand(x.shape).exp(),
    "the batch in the middle and the end": (x) => x.transpose([1, 2, 3, 0]).flatten(2).slice(0, 0, 1).reshape([16, -1]),
  };
  test.each(Object.entries(functions))("%s", async (_, build) => {
    const file = exportFunction<"x", "y">(({ x }) => ({ y: build(x) }), { network, inputs });
    expect(file.batch).toEqual({ free: true });
    const executable = await backend.load(file.model, { name: "exported", optimize: "all" });
    for (const batch of [1, 3, 8]) {
      const stream = new RandomStream(batch, "values");
      const values = Float32Array.from({ length: batch * 32 }, () => stream.normal());
      const y = new Float32Array(exportedSize(file.outputs[0], batch));
      await executable.bind({ x: values }, { y }).run();
      const expected = await live(build, batch, values);
      y.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i], 5);
      });
    }
    await executable.dispose();
  });

  test("is refused where numbers depend on the batch size, and where the graph does", () => {
    const free = (build: (x: Tensor) => Tensor) =>
      exportFunction<"x", "y">(({ x }) => ({ y: build(x) }), { network, inputs, fixedBatch: 5 }).batch;
    expect(free((x) => x.mul(x.shape[0]))).toEqual({
      free: false,
      size: 5,
      because: "a constant of Mul depends on it in a way of its own",
    });
    expect(free((x) => (x.shape[0] > 2000 ? x.exp().add(1) : x.exp()))).toMatchObject({
      because: "its number of operations depends on it",
    });
    expect(free((x) => x.transpose().reshape([2, -1]))).toMatchObject({ because: 'axis 1 of "y" is not the batch itself' });
    expect(free((x) => x.add(constant(new Float32Array(x.shape[0] * 16), "float32", [x.shape[0], 1, 4, 4])))).toMatchObject({
      free: false,
    });
  });
});

test("weights keep their names, notes are written, and only standard operators are used", () => {
  const { model } = exportFunction<"x", "y">(({ x }) => ({ y: network.call(x) }), {
    network,
    inputs,
    opset: 18,
    metadata: { model: "net" },
    docs: { x: "pictures" },
  });
  const proto = fromBinary(ModelProtoSchema, model);
  expect(proto.graph!.initializer.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["conv.weight", "norm.runningMean", "head.bias"]),
  );
  expect(proto.metadataProps.map(({ key, value }) => [key, value])).toEqual([["model", "net"]]);
  expect(proto.graph!.input.map(({ name, docString }) => [name, docString])).toEqual([["x", "pictures"]]);
  expect(proto.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([["", 18n]]);
  expect(new Set(proto.graph!.node.map(({ domain }) => domain))).toEqual(new Set([""]));
});

test("operator sets that are not supported", () => {
  expect(() => exportFunction<"x", "y">(({ x }) => ({ y: x.exp() }), { network, inputs, opset: 12 })).toThrowErrorMatchingInlineSnapshot(`
    [UsageError: This operator set cannot be written.
      got:      12
      expected: one of: 18, 19, 20, 21
      try:      leave --opset out for the newest]
  `);
});
