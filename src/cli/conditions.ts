import type { Command } from "commander";
import type { ExampleSet } from "../data/dataset.ts";
import type { WantedConditions } from "../runs/conditions.ts";
import type { LoadedModel } from "../runs/load.ts";
import type { Run } from "../runs/registry.ts";

/** The options by which a user says what pictures shall show, or do show. */
export function addConditionOptions(command: Command, verb: "show" | "are of"): Command {
  return command
    .option("--label <class>", `the class that the pictures ${verb}, by name or number (models that take labels)`)
    .option("--attributes <list>", `attributes of the pictures, as smiling=1,hat=0 (models that take attributes)`);
}

/**
 * Conditions [count, K] of pictures that a run makes or is given.
 * @param load the run's data, for the names where run.json has none, and for the rows that attributes are drawn from
 * @throws UsageError for a name that does not exist, or a model that takes none
 */
export async function conditionsFor(
  run: Run,
  { record }: LoadedModel,
  wanted: WantedConditions,
  options: { count: number; seed: string; load: () => Promise<ExampleSet>; onNote: (text: string) => void },
): Promise<Float32Array | undefined> {
  const { conditionList, sampleConditions } = await import("../runs/conditions.ts");
  const stored = run.record.data?.conditions;
  const list = stored ?? (record.data.conditions === undefined ? undefined : conditionList(await options.load()));
  return sampleConditions({ record, list, wanted, ...options });
}
