import { create } from "@bufbuild/protobuf";
import { type ModelProto, StringStringEntryProtoSchema, TensorProto_DataLocation } from "./onnx_pb.ts";

/** A weight whose numbers a model does not hold. */
export interface OutsideWeight {
  /** TensorProto.DataType of its elements. */
  readonly type: number;
  readonly shape: readonly number[];
  /** Its elements, where they lie. */
  readonly bytes: Uint8Array;
}

/** Smaller ones stay: the runtime reads constants such as shapes while it optimises. */
const fewestBytes = 1 << 14;

/**
 * Take the large weights out of a model, whose nodes then name initializers with external data (ONNX, `TensorProto.data_location`). What stays fits into one
 * message whatever the model's size: a message is at most 2 GB. In place.
 * @returns the weights by the names of their initializers
 */
export function takeOutWeights({ graph }: ModelProto): Record<string, OutsideWeight> {
  const weights: Record<string, OutsideWeight> = {};
  for (const tensor of graph!.initializer) {
    if (tensor.rawData.byteLength < fewestBytes) continue;
    weights[tensor.name] = { type: tensor.dataType, shape: tensor.dims.map(Number), bytes: tensor.rawData };
    tensor.rawData = new Uint8Array();
    tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
    tensor.externalData = [create(StringStringEntryProtoSchema, { key: "location", value: "memory" })];
  }
  return weights;
}
