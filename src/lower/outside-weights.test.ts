import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { GraphProtoSchema, ModelProtoSchema, TensorProto_DataLocation, TensorProtoSchema } from "./onnx_pb.ts";
import { takeOutWeights } from "./outside-weights.ts";

it("takes large weights out as they lie, and leaves constants in", () => {
  const data = new Float32Array(128 * 64).fill(2);
  const initializer = [
    create(TensorProtoSchema, { name: "w", dims: [128n, 64n], dataType: 1, rawData: new Uint8Array(data.buffer) }),
    create(TensorProtoSchema, { name: "shape", dims: [2n], dataType: 7, rawData: new Uint8Array(16) }),
  ];
  const model = create(ModelProtoSchema, { graph: create(GraphProtoSchema, { initializer }) });
  const weights = takeOutWeights(model);
  expect(Object.keys(weights)).toEqual(["w"]);
  expect(weights.w).toMatchObject({ type: 1, shape: [128, 64] });
  expect(weights.w.bytes.buffer).toBe(data.buffer);
  const [w, shape] = model.graph!.initializer;
  expect([w.rawData.length, w.dataLocation, w.externalData[0].key]).toEqual([0, TensorProto_DataLocation.EXTERNAL, "location"]);
  expect([shape.rawData.length, shape.dataLocation]).toEqual([16, TensorProto_DataLocation.DEFAULT]);
});
