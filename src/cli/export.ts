import path from "node:path";
import type { Command } from "commander";
import { unknownName } from "../core/errors.ts";
import { wholeNumber } from "./options.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface ExportOptions {
  format: string;
  out?: string;
  opset?: number;
  batch?: number;
}

const formats = ["onnx", "safetensors"] as const;

export const verb: Verb = {
  name: "export",
  summary: "Write a trained run for other programs: ONNX graphs, or its weights",
  register(program, io) {
    addCommand(program, "export", verb.summary)
      .argument("<run>", "a run's name or folder")
      .option("--format <name>", "onnx: inference graphs and the training step; safetensors: the weights", "onnx")
      .option("--out <folder>", "where to (default: RUN-FORMAT in the current folder)")
      .option("--opset <n>", "ONNX operator set, 18 to 21", wholeNumber(1))
      .option("--batch <n>", "pictures a batch of the training step (default: the run's)", wholeNumber(1))
      .action((run: string, options: ExportOptions, command: Command) => exportNamed(run, options, io, wantsJson(command)));
  },
};

async function exportNamed(name: string, { format, out, opset, batch }: ExportOptions, io: Io, json: boolean): Promise<void> {
  const chosen = formats.find((known) => known === format);
  if (chosen === undefined) throw unknownName("format", format, formats);
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
