// GPT-2 as the ONNX file that transformers.js reads: past keys and values in, all keys and values out.
import { writeFileSync } from "node:fs";
import { create, toBinary } from "@bufbuild/protobuf";
import { collect } from "../../src/graph/graph.ts";
import { isLeaf } from "../../src/graph/leaf.ts";
import { cumsum } from "../../src/graph/ops/gather.ts";
import { concat } from "../../src/graph/ops/movement.ts";
import { input } from "../../src/graph/ops/source.ts";
import { simplify } from "../../src/graph/passes/simplify.ts";
import { Trace, withTrace } from "../../src/graph/trace.ts";
import { freeDims } from "../../src/lower/free-dims.ts";
import { lowerProto } from "../../src/lower/lower.ts";
import { ModelProtoSchema } from "../../src/lower/onnx_pb.ts";
import { quantizeProducts } from "../../src/lower/weight-only.ts";
import type { Gpt2 } from "../../src/nn/transformers/gpt2.ts";
import { nameLeaves } from "../../src/runtime/program.ts";
import type { Form } from "./gguf.ts";

/** Write the file with the same weights as ours, in the runtime's own forms. */
export function writeOnnx(file: string, network: Gpt2, form: Form): void {
  const { layers, keyValueHeads: K, headSize: D } = network.decoder;
  const model = freeDims(["rows", "tokens", "places"] as const, [["rows", "tokens"]], ({ rows: B, tokens: T, places: S }) => {
    const outputs = withTrace(new Trace({ training: false }), () => {
      const ids = input("input_ids", [B, T], "int64");
      const attention = input("attention_mask", [B, S + T], "int64");
      const positions = input("position_ids", [B, T], "int64");
      const past = (kind: string) =>
        Array.from({ length: layers }, (_, layer) => input(`past_key_values.${layer}.${kind}`, [B, K, S, D], "float32"));
      const [keys, values] = [past("key"), past("value")];
      const places = cumsum(attention.cast("float32"), 1).reshape([B, 1, 1, S + T]);
      const mask = places.less(positions.cast("float32").add(1.5).reshape([B, 1, T, 1]));
      const made = network.decode(ids, positions, { keys, values, mask });
      const all = (kind: "keys" | "values", name: string, old: typeof keys) =>
        made[kind].map((tensor, layer) => ({ name: `present.${layer}.${name}`, tensor: concat([old[layer], tensor], 2) }));
      return [{ name: "logits", tensor: made.logits }, ...all("keys", "key", keys), ...all("values", "value", values)];
    });
    const graph = simplify(nameLeaves(collect(outputs)));
    const baked = Object.fromEntries(graph.inputs.flatMap(({ name, tensor }) => (isLeaf(tensor) ? [[name, tensor.data]] : [])));
    return lowerProto(graph, { target: "cpu", baked });
  });
  if (form !== "float32") quantizeProducts(model, form);
  writeFileSync(file, toBinary(ModelProtoSchema, create(ModelProtoSchema, model)));
}
