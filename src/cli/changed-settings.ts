import { UsageError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import { type Module, namedParameters, namedStates } from "../nn/module.ts";
import type { LoadedModel } from "../runs/load.ts";
import { resolveSettings } from "./settings.ts";

/**
 * A trained model under other settings of its configuration, with the same weights: for settings that only its metrics or samples read.
 * @param assignments `key=value` each
 * @throws UsageError for an unknown setting or value, or one that changes the network's arrays
 */
export function withSettings(model: LoadedModel, assignments: readonly string[]): LoadedModel {
  if (assignments.length === 0) return model;
  const config = resolveSettings(model.record.config, model.config, assignments) as Record<string, unknown>;
  const network = model.record.build(config, new RandomStream(0, "weights that are replaced"));
  const given = arrays(model.network);
  const taken = arrays(network);
  const same = taken.size === given.size && [...taken].every(([name, data]) => given.get(name)?.length === data.length);
  if (!same) {
    throw new UsageError({
      what: "These settings belong to another network than the one that was trained.",
      got: assignments.join(", "),
      expected: "settings that leave the network's arrays as they are",
      hint: "train with them: atelier train --set ...",
    });
  }
  for (const [name, data] of taken) data.set(given.get(name)!);
  return { ...model, config, network };
}

function arrays(network: Module): Map<string, Float32Array> {
  return new Map([...namedParameters(network), ...namedStates(network)].map(([name, { data }]) => [name, data as Float32Array]));
}
