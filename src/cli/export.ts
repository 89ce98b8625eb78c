import path from "node:path";
import type { Command } from "commander";
import { unknownName } from "../core/errors.ts";
import type { CodeFacts } from "../runs/export-html.ts";
import type { LoadedModel } from "../runs/load.ts";
import { wholeNumber } from "./options.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface ExportOptions {
  format: string;
  out?: string;
  opset?: number;
  batch?: number;
  precision: string;
}

const formats = ["onnx", "safetensors", "html"] as const;
const precisions = ["float32", "float16"] as const;

export const verb: Verb = {
  name: "export",
  summary: "Write a trained run for other programs: ONNX graphs, its weights, or one page that runs it",
  register(program, io) {
    addCommand(program, "export", verb.summary)
      .argument("<run>", "a run's name or folder")
      .option(
        "--format <name>",
        "onnx: inference graphs and the training step; safetensors: the weights; html: one file to play with it offline",
        "onnx",
      )
      .option("--out <place>", "a folder, of html a file (default: RUN-FORMAT or RUN.html in the current folder)")
      .option("--opset <n>", "ONNX operator set, 18 to 21", wholeNumber(1))
      .option("--batch <n>", "pictures a batch of the training step (default: the run's)", wholeNumber(1))
      .option("--precision <name>", "of the weights in html: float32, or float16, which takes half the room", "float32")
      .action((run: string, options: ExportOptions, command: Command) => exportNamed(run, options, io, wantsJson(command)));
  },
};

async function exportNamed(name: string, options: ExportOptions, io: Io, json: boolean): Promise<void> {
  const { format, out, opset, batch } = options;
  const chosen = formats.find((known) => known === format);
  if (chosen === undefined) throw unknownName("format", format, formats);
  if (chosen === "html") return await exportPage(name, options, io, json);
  const { openRun } = await import("../runs/registry.ts");
  const { exportRun } = await import("../runs/export.ts");
  const run = await openRun(name);
  const warn = (text: string) => io.stderr.write(`warning: ${text}\n`);
  const folder = path.resolve(out ?? `${run.name}-${chosen}`);
  const { files, fixed } = await exportRun({ run, folder, format: chosen, opset, batch, onWarning: warn });
  for (const { file, size, because } of fixed) warn(`${file} takes batches of ${size} only: ${because}`);
  if (json) printJson(io, { run: run.name, folder, files, fixed });
  else for (const file of files) io.stdout.write(`${path.join(folder, file)}\n`);
}

async function exportPage(name: string, { out, precision }: ExportOptions, io: Io, json: boolean): Promise<void> {
  const chosen = precisions.find((known) => known === precision);
  if (chosen === undefined) throw unknownName("precision", precision, precisions);
  const { openRun } = await import("../runs/registry.ts");
  const { exportHtml } = await import("../runs/export-html.ts");
  const run = await openRun(name);
  const onWarning = (text: string) => io.stderr.write(`warning: ${text}\n`);
  const codes = (model: LoadedModel) => codesOf(name, model, io, json);
  const { file, bytes, weights } = await exportHtml({ run, file: out ?? `${run.name}.html`, precision: chosen, codes, onWarning });
  if (json) return printJson(io, { run: run.name, file, bytes, weights });
  const size = (count: number) => `${(count / 1e6).toFixed(2)} MB`;
  io.stdout.write(`${file}\n`);
  io.stderr.write(`${size(bytes)}, of which the weights take ${size(weights)}\n`);
}

/** Codes of the run's data to begin from; a page can do without where the data cannot be had. */
async function codesOf(name: string, { record, config }: LoadedModel, io: Io, json: boolean): Promise<CodeFacts> {
  const { pageCodes, wantsCodes } = await import("../runs/page-codes.ts");
  if (!wantsCodes(record, config)) return {};
  try {
    const { openModel } = await import("./opened.ts");
    const opened = await openModel(name, { device: "cpu" }, io, json);
    return await pageCodes(opened.model, await opened.load("test"), opened.backend);
  } catch (error) {
    io.stderr.write(`warning: the page begins without pictures of the data: ${error instanceof Error ? error.message : String(error)}\n`);
    return {};
  }
}
