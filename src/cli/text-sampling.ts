import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { FileError, UsageError } from "../core/errors.ts";
import type { TokenConstraint } from "../generation/constraint.ts";
import type { SamplingOptions } from "../generation/engine.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { anyNumber, wholeNumber } from "./options.ts";

/** How the tokens of a text are chosen, as the command line has it. */
export interface TextSamplingOptions {
  temperature?: number;
  topK?: number;
  topP?: number;
  minP?: number;
  typical?: number;
  repetitionPenalty?: number;
  frequencyPenalty?: number;
  presencePenalty?: number;
  beams?: number;
  lengthPenalty?: number;
  jsonSchema?: string;
  grammar?: string;
  quantize?: "int8" | "int4";
}

/** The flags of {@link TextSamplingOptions} beside --temperature, by option. */
export const textSamplingFlags: Readonly<Record<Exclude<keyof TextSamplingOptions, "temperature">, string>> = {
  topK: "--top-k",
  topP: "--top-p",
  minP: "--min-p",
  typical: "--typical",
  repetitionPenalty: "--repetition-penalty",
  frequencyPenalty: "--frequency-penalty",
  presencePenalty: "--presence-penalty",
  beams: "--beams",
  lengthPenalty: "--length-penalty",
  jsonSchema: "--json-schema",
  grammar: "--grammar",
  quantize: "--quantize",
};

/** Add the options of how a text's tokens are chosen. */
export function addTextSampling(command: Command): Command {
  return command
    .option("--top-k <n>", "of text: only the n likeliest tokens", wholeNumber(1))
    .option("--top-p <p>", "of text: only the likeliest tokens that have this probability together, above 0 to 1", anyNumber)
    .option("--min-p <p>", "of text: only tokens at least this times as likely as the likeliest, 0 to 1", anyNumber)
    .option("--typical <p>", "of text: only tokens about as surprising as expected, with this probability together", anyNumber)
    .option("--repetition-penalty <x>", "of text: makes tokens that occurred less likely; 1 for none", anyNumber)
    .option("--frequency-penalty <x>", "of text: taken off the logit for each time that a token was made, -2 to 2", anyNumber)
    .option("--presence-penalty <x>", "of text: taken off the logit of each token that was made, -2 to 2", anyNumber)
    .option("--beams <n>", "of text: the likeliest text by beam search instead of drawing (folders)", wholeNumber(1))
    .option("--length-penalty <x>", "of beam search: above 0 favours longer texts (default: 1)", anyNumber)
    .option("--json-schema <file>", "of text: JSON that fits this schema")
    .option("--grammar <file>", "of text: what this grammar in GBNF describes")
    .option("--quantize <kind>", "weights as whole numbers: int8 or int4 (folders)");
}

/** The sampling options that were given. */
export function samplingOf(options: TextSamplingOptions, seed: string): SamplingOptions {
  const { temperature = 0.8, topK, topP, minP, typical, repetitionPenalty, frequencyPenalty, presencePenalty } = options;
  const given = { temperature, topK, topP, minP, typicalP: typical, repetitionPenalty, frequencyPenalty, presencePenalty };
  return { ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as SamplingOptions), seed };
}

/** A maker of constraints, one for each text; undefined where none is asked for. @throws UsageError, FileError for what cannot be read */
export async function constraintsOf(
  { jsonSchema, grammar }: TextSamplingOptions,
  tokenizer: Tokenizer,
): Promise<(() => TokenConstraint) | undefined> {
  if (jsonSchema !== undefined && grammar !== undefined) throw new UsageError("--json-schema and --grammar exclude each other.");
  if (jsonSchema === undefined && grammar === undefined) return undefined;
  const { GrammarConstraints, jsonSchemaGrammar, parseGrammar } = await import("../generation/grammar/index.ts");
  const source = await readText((jsonSchema ?? grammar)!);
  const made = new GrammarConstraints(
    jsonSchema === undefined ? parseGrammar(source) : jsonSchemaGrammar(parseJson(source, jsonSchema)),
    tokenizer,
  );
  return () => made.begin();
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new FileError({ what: "A file cannot be read.", where: file, cause });
  }
}

function parseJson(source: string, file: string): unknown {
  try {
    return JSON.parse(source);
  } catch (cause) {
    throw new FileError({ what: "A file is not JSON.", where: file, got: cause instanceof Error ? cause.message : String(cause), cause });
  }
}
