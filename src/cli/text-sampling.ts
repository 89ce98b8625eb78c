import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { FileError, UsageError } from "../core/errors.ts";
import { fileError } from "../core/node/files.ts";
import type { TokenConstraint } from "../generation/constraint.ts";
import type { SamplingOptions } from "../generation/engine.ts";
import { checkSampling } from "../generation/sampler.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { formatNumber } from "./format.ts";
import { anyNumber, wholeNumber } from "./options.ts";
import type { Io } from "./verb.ts";

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

/** The sampling options that were given, before a model is opened for them. @throws UsageError for one that is out of range */
export function samplingOf(options: TextSamplingOptions, seed: string | undefined): SamplingOptions {
  const { temperature = 0.8, topK, topP, minP, typical, repetitionPenalty, frequencyPenalty, presencePenalty } = options;
  const given = { temperature, topK, topP, minP, typicalP: typical, repetitionPenalty, frequencyPenalty, presencePenalty, seed };
  const sampling = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as SamplingOptions;
  const flags: Readonly<Record<string, string>> = {
    ...textSamplingFlags,
    temperature: "--temperature",
    typicalP: textSamplingFlags.typical,
  };
  checkSampling(sampling, (setting) => flags[setting] ?? setting);
  return sampling;
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
    throw fileError(cause, "The file of a constraint cannot be read.", file);
  }
}

function parseJson(source: string, file: string): unknown {
  try {
    return JSON.parse(source);
  } catch (cause) {
    throw new FileError({ what: "A file is not JSON.", where: file, got: cause instanceof Error ? cause.message : String(cause), cause });
  }
}

/**
 * Beam search takes the likeliest text: what shapes draws has no meaning beside it.
 * @throws UsageError for options that it would leave unheard, and for its own without it
 */
export function refuseBesideBeams(options: TextSamplingOptions & { stop?: readonly string[]; showTop?: number; count?: number }): void {
  const { beams, lengthPenalty, quantize, count = 1, ...drawing } = options;
  if (beams === undefined) {
    if (lengthPenalty === undefined) return;
    throw new UsageError({ what: "--length-penalty is of beam search.", hint: "add --beams, or leave it out" });
  }
  const flags: Readonly<Record<string, string>> = {
    ...textSamplingFlags,
    temperature: "--temperature",
    stop: "--stop",
    showTop: "--show-top",
  };
  if (count > beams)
    throw new UsageError({
      what: "Beam search finds as many texts as it has beams.",
      got: `--count ${count}`,
      expected: `at most ${beams}`,
      hint: `--beams ${count}, or fewer texts`,
    });
  const given = Object.entries(drawing).flatMap(([key, value]) => (value === undefined ? [] : (flags[key] ?? [])));
  if (given.length === 0) return;
  throw new UsageError({
    what: "Beam search does not draw, and knows no constraints and stop texts.",
    got: given.join(", "),
    expected: "--beams with --length-penalty, --tokens, --count, --quantize",
    hint: "leave these out, or --beams",
  });
}

/** Who reads a text while it is written. The writing ends when nobody does any more (`atelier generate ... | head -3`), unless it is also kept. */
export class Reader {
  readonly #gone = new AbortController();
  readonly #io: Io | undefined;
  readonly #kept: boolean;

  /** @param io undefined where nothing is shown @param kept whether the text is wanted beside what is shown */
  constructor(io: Io | undefined, kept: boolean) {
    this.#io = io;
    this.#kept = kept;
  }

  /** Aborted when nobody reads. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Show a piece of the text. */
  write(text: string): void {
    this.#io?.stdout.write(text);
    if (this.#io?.stdout.closed === true && !this.#kept) this.#gone.abort();
  }

  /** Tell how fast a text came. */
  tellSpeed(tokens: number, seconds: number): void {
    const speed = formatNumber(Number((tokens / seconds).toPrecision(3)));
    this.#io?.stderr.write(`${tokens} tokens in ${seconds.toFixed(1)} s: ${speed} a second\n`);
  }
}
