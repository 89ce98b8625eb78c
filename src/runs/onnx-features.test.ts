import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RandomStream } from "../core/random.ts";
import type { ImageSet } from "../data/dataset.ts";
import { globalAveragePool } from "../graph/ops/pooling.ts";
import type { Tensor } from "../graph/tensor.ts";
import { ModelProtoSchema } from "../lower/onnx_pb.ts";
import { Conv2d } from "../nn/conv.ts";
import { Module } from "../nn/module.ts";
import { exportFunction } from "../pretrained/onnx-export.ts";
import type { Backend } from "../runtime/backend.ts";
import { openBackend } from "../runtime/node/open.ts";
import { compile } from "../runtime/program.ts";
import { openExtractor } from "./features.ts";
import { featureRanges } from "./onnx-features.ts";

class Net extends Module {
  readonly conv = new Conv2d({ in: 3, out: 5, kernel: 3, stride: 2, rng: new RandomStream(0, "net") });
  call(images: Tensor): Tensor {
    return globalAveragePool(this.conv.call(images).relu()).flatten();
  }
}

const network = new Net();
const side = 16;
let backend: Backend;
let folder: string;
const file = (name: string) => path.join(folder, name);

beforeAll(async () => {
  backend = await openBackend();
  folder = await mkdtemp(path.join(tmpdir(), "atelier-features-"));
  const { model } = exportFunction<"images", "features">(({ images }) => ({ features: network.call(images) }), {
    network,
    inputs: (batch) => ({ images: { shape: [batch, 3, side, side] } }),
  });
  await writeFile(file("net.onnx"), model);
  const free = fromBinary(ModelProtoSchema, model);
  const type = free.graph!.input[0].type!.value;
  if (type.case === "tensorType")
    for (const dim of type.value.shape!.dim) dim.value = { case: "dimParam", value: `free ${dim.value.value}` };
  await writeFile(file("free.onnx"), toBinary(ModelProtoSchema, free));
});
afterAll(() => rm(folder, { recursive: true }));

/** 40 colour pictures of 16 x 16 noise. */
const images = new Uint8Array(40 * 3 * side * side);
const stream = new RandomStream(0, "pictures");
for (let i = 0; i < images.length; i++) images[i] = stream.below(256);
const set: ImageSet = {
  kind: "images",
  card: { name: "noise", fit: "resize" } as ImageSet["card"],
  split: "test",
  shape: [3, side, side],
  images,
  count: 40,
};

async function expected(scale: readonly number[], shift: readonly number[]): Promise<Float32Array> {
  const program = await compile<"images", "features">(backend, ({ images }) => ({ features: network.call(images) }), {
    inputs: { images: { shape: [40, 3, side, side] } },
  });
  const area = side * side;
  const scaled = Float32Array.from(images, (byte, i) => (byte / 255) * scale[Math.floor(i / area) % 3] + shift[Math.floor(i / area) % 3]);
  const features = (await program.run({ images: scaled })).features.slice() as Float32Array;
  await program.dispose();
  return features;
}

test.each(["unit", "symmetric", "bytes", "imagenet"] as const)("features of a file, with values in the range %s", async (range) => {
  const extractor = await openExtractor(file("net.onnx"), backend, { range });
  const { values, count, size } = await extractor.features(set);
  await extractor.dispose();
  expect([extractor.label, count, size]).toEqual(["net.onnx", 40, 5]);
  const wanted = await expected(featureRanges[range].scale, featureRanges[range].shift);
  for (const [i, value] of values.entries()) expect(Math.abs(value - wanted[i])).toBeLessThan(1e-5 * Math.max(1, Math.abs(wanted[i])));
});

test("where height and width are free, pictures are brought to the side that is asked for", async () => {
  const extractor = await openExtractor(file("free.onnx"), backend, { side: 16 });
  const { values } = await extractor.features(set);
  const wanted = await expected([2, 2, 2], [-1, -1, -1]);
  for (const [i, value] of values.entries()) expect(value).toBeCloseTo(wanted[i], 5);
  await extractor.dispose();
});

test("what is no feature network is refused", async () => {
  const { model } = exportFunction<"x", "y">(({ x }) => ({ y: x.add(1) }), { network, inputs: (batch) => ({ x: { shape: [batch, 3] } }) });
  await writeFile(file("other.onnx"), model);
  await expect(openExtractor(file("other.onnx"), backend)).rejects.toThrow(/no feature network[\s\S]*one input float32 \[N, 3, H, W\]/);
  await expect(openExtractor(file("absent.onnx"), backend)).rejects.toThrow("cannot be read");
  await expect(openExtractor(file("net.onnx"), backend, { range: "byte" as "bytes" })).rejects.toThrow('did you mean "bytes"?');
  await expect(openExtractor("mnis", backend)).rejects.toThrow(/one of: mnist[\s\S]*ends in \.onnx[\s\S]*did you mean "mnist"\?/);
});
