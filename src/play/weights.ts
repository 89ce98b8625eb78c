/** The weights of a finished run as one file in memory, out of which its network is made again. */
import { FileError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import type { ModelRecord } from "../models/model.ts";
import { type Module, namedParameters, namedStates } from "../nn/module.ts";
import { decodeSafetensors, encodeSafetensors, type FileTensor } from "../pretrained/safetensors.ts";

/** A network's parameters and state as safetensors, float32 or rounded to half precision. @throws AtelierError where a number has no half-precision value */
export function packWeights(network: Module, precision: "float32" | "float16" = "float32"): Uint8Array {
  const leaves = [...namedParameters(network), ...namedStates(network)];
  const tensors = Object.fromEntries(leaves.map(([name, { shape, dtype, data }]) => [name, { dtype, shape, data } as FileTensor]));
  return encodeSafetensors(tensors, undefined, precision === "float16" ? "F16" : "F32");
}

/**
 * The network of a configuration with the weights of a file.
 * @param weights safetensors, as {@link packWeights} and `atelier export --format safetensors` write them
 * @throws FileError for bytes that are damaged or of another model
 */
export function restoreNetwork(record: ModelRecord, config: unknown, weights: Uint8Array): Module {
  // What the first weights are does not matter: all of them are replaced.
  const network = record.build(config, new RandomStream(0, "initialisation"));
  const { tensors } = decodeSafetensors(weights, { file: "the weights" });
  for (const [name, { data }] of [...namedParameters(network), ...namedStates(network)]) {
    const saved = tensors.get(name)?.data;
    if (saved?.length !== data.length) {
      throw new FileError({
        what: "The weights do not fit this model.",
        where: name,
        got: saved === undefined ? "no such array" : `${saved.length} values`,
        expected: `${data.length} values`,
      });
    }
    (data as Float32Array).set(saved as Float32Array);
  }
  return network;
}
