/** The weights of a run out of its newest checkpoint, without building the network. */
import { encodeSafetensors, type FileTensor } from "../pretrained/safetensors.ts";
import { configHash, loadLatest } from "./checkpoint.ts";
import type { Run } from "./registry.ts";

/**
 * Safetensors of a network's parameters and state by their own names: averaged weights where the run keeps an average. `restoreNetwork` takes them.
 * @throws FileError when no checkpoint can be read or it fits another model
 */
export async function runWeights(run: Run): Promise<{ bytes: Uint8Array; step: number }> {
  const { model, config } = run.record;
  const { tensors, step } = await loadLatest(run, { model, configHash: configHash(config) });
  const weights = new Map<string, FileTensor>();
  for (const prefix of ["model.", "ema."])
    for (const [name, tensor] of tensors) if (name.startsWith(prefix)) weights.set(name.slice(prefix.length), tensor);
  return { bytes: encodeSafetensors(weights), step };
}
