import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { UsageError, unknownName } from "../core/errors.ts";
import { fileError } from "../core/node/files.ts";
import type { BleuTokenizer, References } from "../metrics/text/index.ts";
import { formatNumber, formatTable } from "./format.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface ScoreOptions {
  references?: string[];
  corpus?: string[];
  metrics?: string;
  tokenize: string;
  lowercase?: boolean;
}

/** One figure: `about` says under which settings, or what was found. */
interface Score {
  metric: string;
  value: number;
  about: string;
}

interface Texts {
  hypotheses: readonly string[];
  /** The hypotheses' file as it is. */
  whole: string;
  references: References | undefined;
  corpus: readonly string[] | undefined;
  tokenizer: BleuTokenizer;
  lowercase: boolean;
}

type Metrics = typeof import("../metrics/text/index.ts");
/** What a figure is computed from; `needs` says what must be given. */
interface Figure {
  needs: "references" | "corpus" | "nothing";
  of(texts: Texts & { references: References; corpus: readonly string[] }, metrics: Metrics): Omit<Score, "metric">;
}

const rougeFigure = (kind: "rouge1" | "rouge2" | "rougeL" | "rougeLsum"): Figure => ({
  needs: "references",
  of: ({ hypotheses, references }, { rouge }) => {
    const { precision, recall, f1 } = rouge(hypotheses, references)[kind];
    return { value: f1, about: `F1, mean over segments; precision ${formatNumber(precision)}, recall ${formatNumber(recall)}` };
  },
});

const chrfFigure = (wordOrder: number): Figure => ({
  needs: "references",
  of: ({ hypotheses, references, lowercase }, { chrf }) => {
    const { score, signature } = chrf(hypotheses, references, { wordOrder, lowercase });
    return { value: score, about: signature };
  },
});

const distinctFigure = (order: number): Figure => ({
  needs: "nothing",
  of: ({ hypotheses }, { distinctNgrams }) => ({
    value: distinctNgrams(hypotheses, order),
    about: `different ${order === 1 ? "words" : `runs of ${order} words`} / all`,
  }),
});

const figures: Readonly<Record<string, Figure>> = {
  bleu: {
    needs: "references",
    of: ({ hypotheses, references, tokenizer, lowercase }, { bleu }) => {
      const { score, signature, precisions, brevityPenalty } = bleu(hypotheses, references, { tokenizer, lowercase });
      const parts = precisions.map((precision) => precision.toFixed(1)).join("/");
      return { value: score, about: `${signature}  ${parts}, brevity ${brevityPenalty.toFixed(3)}` };
    },
  },
  chrf: chrfFigure(0),
  "chrf++": chrfFigure(2),
  rouge1: rougeFigure("rouge1"),
  rouge2: rougeFigure("rouge2"),
  rougeL: rougeFigure("rougeL"),
  rougeLsum: rougeFigure("rougeLsum"),
  exact: {
    needs: "references",
    of: ({ hypotheses, references }, { exactMatch }) => ({
      value: exactMatch(hypotheses, references),
      about: "share that equals a reference",
    }),
  },
  wer: {
    needs: "references",
    of: ({ hypotheses, references }, { wordErrorRate }) => {
      const { rate, errors, length } = wordErrorRate(hypotheses, references);
      return { value: rate, about: `${errors} edits / ${length} words` };
    },
  },
  cer: {
    needs: "references",
    of: ({ hypotheses, references }, { characterErrorRate }) => {
      const { rate, errors, length } = characterErrorRate(hypotheses, references);
      return { value: rate, about: `${errors} edits / ${length} characters` };
    },
  },
  distinct1: distinctFigure(1),
  distinct2: distinctFigure(2),
  distinct3: distinctFigure(3),
  "self-bleu": {
    needs: "nothing",
    of: ({ hypotheses, tokenizer, lowercase }, { selfBleu }) => ({
      value: selfBleu(hypotheses, { tokenizer, lowercase }),
      about: "mean BLEU of each line against all others",
    }),
  },
  copied: {
    needs: "corpus",
    of: ({ whole, corpus }, { findCopiedText }) => {
      const [{ longest, share, text }] = findCopiedText([whole], corpus);
      const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
      return { value: longest, about: `characters; ${(100 * share).toFixed(1)}% in copies of 50 or more: ${JSON.stringify(shown)}` };
    },
  },
};

export const verb: Verb = {
  name: "score",
  summary: "Score texts against references, each other, or what a model was trained on",
  register(program, io) {
    addCommand(program, "score", verb.summary)
      .argument("<hypotheses>", "a file of texts, one a line")
      .option("--references <file...>", "files of right texts, line by line as the hypotheses; several where several are right")
      .option("--corpus <file...>", "training texts, for copied")
      .option("--metrics <names>", `any of: ${Object.keys(figures).join(", ")} (default: those of what is given)`)
      .option("--tokenize <name>", "how BLEU cuts words: 13a, intl, char or none", "13a")
      .option("--lowercase", "BLEU and chrF without regard to case")
      .action((file: string, options: ScoreOptions, command: Command) => score(file, options, io, wantsJson(command)));
  },
};

async function score(file: string, options: ScoreOptions, io: Io, json: boolean): Promise<void> {
  const metrics = await import("../metrics/text/index.ts");
  const { references, corpus, tokenize, lowercase = false } = options;
  const names = options.metrics?.split(",").map((name) => name.trim()) ?? usual(options);
  for (const name of names) {
    if (!Object.hasOwn(figures, name)) throw unknownName("metric", name, Object.keys(figures));
    const { needs } = figures[name];
    if (needs !== "nothing" && options[needs] === undefined)
      throw new UsageError({ what: `${name} needs ${needs === "corpus" ? "a corpus" : "references"}.`, hint: `give --${needs} FILE` });
  }
  if (!(metrics.bleuTokenizers as readonly string[]).includes(tokenize))
    throw unknownName("tokenizer for BLEU", tokenize, metrics.bleuTokenizers);
  const whole = await readSome(file);
  const hypotheses = linesOf(whole);
  const texts = {
    ...{ hypotheses, whole, lowercase, tokenizer: tokenize as BleuTokenizer },
    references: await alignedLines(hypotheses.length, file, references ?? []),
    corpus: await Promise.all((corpus ?? []).map(readSome)),
  };
  const scores: Score[] = names.map((metric) => ({ metric, ...figures[metric].of(texts, metrics) }));
  if (json) printJson(io, { file, segments: hypotheses.length, scores });
  else io.stdout.write(`${formatTable(scores.map(({ metric, value, about }) => [metric, formatNumber(value), about]))}\n`);
}

/** What is told when nothing is asked for. */
function usual({ references, corpus }: ScoreOptions): string[] {
  return [
    ...(references === undefined ? ["distinct1", "distinct2", "self-bleu"] : ["bleu", "chrf"]),
    ...(corpus === undefined ? [] : ["copied"]),
  ];
}

async function readText(file: string): Promise<string> {
  const bytes = await readFile(file).catch((error) => {
    throw fileError(error, `Could not read ${file}.`);
  });
  return bytes.toString("utf8");
}

/** @throws UsageError for an empty file, which would score as if it were one empty line. Lines without text are texts that somebody wrote. */
async function readSome(file: string): Promise<string> {
  const text = await readText(file);
  if (text !== "") return text;
  throw new UsageError({ what: "There is no text in the file.", where: file, hint: "give the file that the texts were written to" });
}

function linesOf(text: string): string[] {
  return text.replace(/\r?\n$/, "").split(/\r?\n/);
}

/** The references of each hypothesis. @throws UsageError where files have other numbers of lines */
async function alignedLines(count: number, hypotheses: string, files: readonly string[]): Promise<string[][]> {
  const columns = await Promise.all(files.map(async (file) => linesOf(await readSome(file))));
  for (const [i, { length }] of columns.entries()) {
    if (length !== count)
      throw new UsageError({
        what: "References and hypotheses differ in their lines.",
        got: `${length} in ${files[i]}`,
        expected: `${count}, as in ${hypotheses}`,
      });
  }
  return Array.from({ length: count }, (_, line) => columns.map((column) => column[line]));
}
