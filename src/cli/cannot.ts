import { UsageError } from "../core/errors.ts";
import type { ModelRecord } from "../models/index.ts";

type Able = Partial<
  Record<"sample" | "logits" | "recurrence" | "encode" | "decode" | "reconstruct" | "fills" | "starts" | "classify", unknown>
>;

/** What each verb needs of a model, in the order in which they are offered. */
const needs: readonly { verb: string; of: readonly (keyof Able)[] }[] = [
  { verb: "generate", of: ["sample"] },
  { verb: "generate --given", of: ["sample", "fills"] },
  { verb: "generate --from", of: ["sample", "starts"] },
  { verb: "reconstruct", of: ["reconstruct"] },
  { verb: "encode", of: ["encode"] },
  { verb: "decode", of: ["decode"] },
  { verb: "interpolate", of: ["encode", "decode"] },
  { verb: "attribute", of: ["encode", "decode"] },
  { verb: "latent", of: ["encode"] },
];

/** Whether a model has what a verb needs. */
function canDo(record: Able, verb: string): boolean {
  return needs.find((entry) => entry.verb === verb)?.of.every((part) => record[part] !== undefined) ?? true;
}

/** Verbs of which "cannot ..." would not be English. */
const phrases: Readonly<Record<string, string>> = {
  "generate --given": "fill in a given picture",
  "generate --from": "start from a given picture",
  attribute: "move pictures along an attribute",
  latent: "show its codes: it has no encoder",
  encode: "encode: it has no encoder",
};

/** A verb that a model cannot do names those that it can. */
function cannot(record: Pick<ModelRecord, "name"> & Able, verb: string): UsageError {
  const writes = record.logits !== undefined || record.recurrence !== undefined ? ["generate"] : [];
  const able = [...writes, ...needs.filter((entry) => canDo(record, entry.verb)).map((entry) => entry.verb), "train", "evaluate"];
  return new UsageError({
    what: `The model "${record.name}" cannot ${phrases[verb] ?? verb}.`,
    expected: `what it can do: ${able.join(", ")}`,
  });
}

/** What a verb says to a run of points or text that it has no use for. */
export function worksWithPictures({ name }: Pick<ModelRecord, "name">, verb: string, kind: "points" | "text"): UsageError {
  return new UsageError({
    what: `atelier ${verb} works with pictures, and this run of "${name}" was set up for ${kind}.`,
    expected: `for ${kind}: train, generate, evaluate, export`,
  });
}

/** @throws UsageError naming what the model can do, where it lacks what a verb needs */
export function requireAble(record: Pick<ModelRecord, "name"> & Able, verb: string): void {
  if (!canDo(record, verb)) throw cannot(record, verb);
}
