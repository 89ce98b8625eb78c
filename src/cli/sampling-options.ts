/** `--sampling steps=50,sampler=ddim`: how a model samples, by its record's `sampling`. */
import type { Command } from "commander";
import { UsageError } from "../core/errors.ts";
import type { ModelRecord } from "../models/index.ts";
import { repeated } from "./options.ts";

/** The option by which a user says how a model samples. */
export function addSamplingOption(command: Command): Command {
  return command.option(
    "--sampling <key=value,...>",
    "how to sample, such as steps=50,temperature=0.7; atelier models NAME lists what a model takes; may be repeated",
    repeated,
  );
}

/**
 * What `--sampling` says, checked by the record: undefined where nothing is said.
 * @param texts `key=value`, several in one text with commas between them
 * @throws UsageError for a model without such options, an unknown name (with all that there are), or a value of the wrong type or out of its range
 */
export async function readSampling(
  { name, sampling }: Pick<ModelRecord, "name" | "sampling">,
  texts: readonly string[] | undefined,
): Promise<Record<string, unknown> | undefined> {
  if (texts === undefined) return undefined;
  const { requireConditions } = await import("../runs/sampling.ts");
  // A comma divides only where a name and "=" follow: lists have commas too.
  const assignments = texts.flatMap((text) => text.split(/,(?=\s*[A-Za-z][\w.-]*=)/));
  const chosen = assignments.map((assignment) => assignment.split("=", 1)[0].trim());
  requireConditions({ name, sampling }, chosen);
  if (sampling === undefined) {
    throw new UsageError({ what: `The model "${name}" has no sampling options.`, got: `--sampling ${texts.join(",")}` });
  }
  const { resolveSettings } = await import("./settings.ts");
  const resolved = resolveSettings(sampling, {}, assignments, { kind: "sampling option", flag: "--sampling" });
  return Object.fromEntries(Object.entries(resolved).filter(([key]) => chosen.includes(key)));
}
