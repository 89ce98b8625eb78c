import { readFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { FileError } from "../core/errors.ts";
import { fileError, writeFileAtomic } from "../core/node/files.ts";
import type { ConditionList } from "./conditions.ts";
import type { TokenizerNotes } from "./tokenizers.ts";

const FORMAT = 1;

export const runStatuses = ["created", "training", "stopped", "finished", "failed"] as const;
export type RunStatus = (typeof runStatuses)[number];

/** What `run.json` holds. */
export interface RunRecord {
  format: typeof FORMAT;
  /** The model's name in the garden. */
  model: string;
  preset: string | null;
  /** The model's whole resolved configuration. */
  config: Record<string, unknown>;
  /** Epochs, batch, learning rate and whatever else the loop was told. */
  training: Record<string, unknown>;
  /** Seed of every random stream; a text, because seeds may be larger than a JSON number. */
  seed: string;
  data: {
    name: string;
    integrity?: string | undefined;
    /** What pictures were conditioned on, by name, for models that take conditions. */
    conditions?: ConditionList | undefined;
    /** The class or attribute whose pictures were left out of the training split. */
    without?: string | undefined;
    /** Of texts: the tokenizers in the run's folder. */
    tokenizers?: TokenizerNotes | undefined;
    /** Of own texts: which fields or columns hold the text and what it becomes. */
    field?: string | undefined;
    targetField?: string | undefined;
  } | null;
  /** Of atelier, node, the runtime... at creation. */
  versions: Record<string, string>;
  device: string;
  /** The words of the command line that made the run. */
  command: string[];
  /** ISO 8601, UTC. */
  created: string;
  status: RunStatus;
  /** The run whose weights this one began with. */
  init?: string | undefined;
  /** Final evaluation: metric name to value. */
  results: Record<string, number>;
}

const tokenizerNote = z.object({ digest: z.string(), vocabulary: z.number() });

// Loose: a field that a later version adds survives being read and written by this one.
const recordSchema = z.looseObject({
  format: z.literal(FORMAT),
  model: z.string(),
  preset: z.string().nullable(),
  config: z.record(z.string(), z.unknown()),
  training: z.record(z.string(), z.unknown()),
  seed: z.string(),
  data: z
    .looseObject({
      name: z.string(),
      integrity: z.string().optional(),
      conditions: z.object({ kind: z.enum(["classes", "attributes"]), names: z.array(z.string()) }).optional(),
      without: z.string().optional(),
      tokenizers: z.object({ tokenizer: tokenizerNote, source: tokenizerNote.optional() }).optional(),
      field: z.string().optional(),
      targetField: z.string().optional(),
    })
    .nullable(),
  versions: z.record(z.string(), z.string()),
  device: z.string(),
  command: z.array(z.string()),
  created: z.string(),
  status: z.enum(runStatuses),
  init: z.string().optional(),
  // JSON writes NaN as null.
  results: z.record(
    z.string(),
    z
      .number()
      .nullable()
      .transform((value) => value ?? Number.NaN),
  ),
});

export function recordFile(folder: string): string {
  return path.join(folder, "run.json");
}

/** Read and check a run's `run.json`. @throws FileError naming the file and the field that is wrong. */
export async function readRecord(folder: string): Promise<RunRecord> {
  const file = recordFile(folder);
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw fileError(error, "The run's description cannot be read.", file);
  });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new FileError({
      what: "The run's description is not JSON.",
      where: file,
      got: text.trim() === "" ? "an empty file" : `${text.slice(0, 40)}${text.length > 40 ? "..." : ""}`,
      hint: "restore the file, or remove the run",
      cause,
    });
  }
  const checked = recordSchema.safeParse(parsed);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  const field = issue.path.join(".");
  throw new FileError({
    what: "The run's description is not valid.",
    where: field === "" ? file : `${file}, field "${field}"`,
    got: issue.message,
    hint: field === "format" ? "the run may be from a newer version: update atelier" : "restore the file, or remove the run",
  });
}

/** @throws FileError when the folder cannot be written. */
export async function writeRecord(folder: string, record: RunRecord): Promise<void> {
  await writeFileAtomic(recordFile(folder), `${JSON.stringify(record, null, 2)}\n`);
}

/** A record with what every new run has in common. */
export function newRecord(given: Omit<RunRecord, "format" | "created" | "status" | "results">): RunRecord {
  return { format: FORMAT, ...given, created: new Date().toISOString(), status: "created", results: {} };
}
