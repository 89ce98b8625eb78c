/** A trained run as one file that any browser opens from disk: the model, the code that runs it, and an interface that fits it. */
import path from "node:path";
import { gzipSync } from "node:zlib";
import { UsageError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/node/files.ts";
import { packageInfo } from "../core/node/package-info.ts";
import { isText } from "../data/token-set.ts";
import { aboutModel, type ModelAbout } from "../play/about.ts";
import type { PageFacts } from "../play/page-facts.ts";
import { packWeights } from "../play/weights.ts";
import { readPage, readRuntime, readWorker } from "./html-parts.ts";
import { type LoadedModel, loadModel } from "./load.ts";
import { type Run, runState } from "./registry.ts";

/** Codes and directions to begin from; see `pageCodes`. */
export type CodeFacts = Pick<PageFacts, "examples" | "directions">;

export interface ExportHtmlOptions {
  run: Run;
  /** The file; replaced where it exists. */
  file: string;
  /** How the weights are stored; the page computes with float32 either way. Default float32. */
  precision?: "float32" | "float16" | undefined;
  /** Codes of the run's data, for models that have an encoder; asked for once the run is known to be good for a page. */
  codes?: ((model: LoadedModel) => Promise<CodeFacts>) | undefined;
  /** Folder of the parts that are the same for every run. Default: the package's. */
  parts?: string | undefined;
  onWarning?: ((text: string) => void) | undefined;
}

/** What was written, in bytes. */
export interface ExportedHtml {
  file: string;
  bytes: number;
  /** Of these, what the weights take. */
  weights: number;
}

/**
 * Write a run's newest checkpoint as one self-contained page.
 * @throws UsageError for a model that a page cannot show; FileError when there is no checkpoint or the file cannot be written
 */
export async function exportHtml({ run, file, precision = "float32", codes, parts, onWarning }: ExportHtmlOptions): Promise<ExportedHtml> {
  const model = await loadModel(run, onWarning);
  const about = aboutModel(model.record, model.config, model.network);
  requireShowable(about);
  const state = runState(run);
  if (state !== "finished") onWarning?.(`the run is not finished (${state}): the page has its weights after step ${model.step}`);
  const facts: PageFacts = { ...factsOf(run, model, about, precision), ...(await codes?.(model)) };
  const weights = packed(packWeights(model.network, precision));
  const worker = packed(new TextEncoder().encode(await readWorker(model.record.name, parts)));
  const runtime = packed(await readRuntime(parts));
  const { script, style } = await readPage(parts);
  const text = pageOf({ facts, weights, worker, runtime, script, style });
  const bytes = new TextEncoder().encode(text);
  await writeFileAtomic(path.resolve(file), bytes);
  return { file: path.resolve(file), bytes: bytes.length, weights: weights.length };
}

/** @throws UsageError */
function requireShowable({ can, kind, shape, codeSize, model }: ModelAbout): void {
  const points = kind === "points" && shape[0] !== 2;
  if (!points && (can.writes || can.translates || can.sample || (can.decode && codeSize > 0))) return;
  throw new UsageError({
    what: `The model "${model}" cannot be shown in a page: ${points ? "it draws points of more than two numbers" : "it makes nothing that could be looked at or read"}.`,
    expected: "a model that paints pictures, draws points of the plane, or writes texts",
    hint: "--format onnx writes its graphs, --format safetensors its weights",
  });
}

function factsOf(
  run: Run,
  { record, config, step, tokenizers }: LoadedModel,
  about: ModelAbout,
  precision: "float32" | "float16",
): PageFacts {
  const { title, summary, name: model, paper } = record;
  const json = (one: { toJson(): unknown } | undefined) => (one === undefined ? undefined : one.toJson());
  return {
    ...{ run: run.name, model, title, summary, config, precision, steps: step, parameters: about.parameters },
    paper: /^\d{4}\.\d{4,5}$/.test(paper) ? `arXiv:${paper}` : paper,
    ...(isText(record.data.shape(config))
      ? { tokenizer: json(tokenizers?.tokenizer), sourceTokenizer: json(tokenizers?.sourceTokenizer) }
      : {}),
    conditions: run.record.data?.conditions,
    // A file or folder of the user's own by its name alone: where it lies is nobody's business.
    data: run.record.data === null ? undefined : path.basename(run.record.data.name),
    version: packageInfo().version,
  };
}

/** Compressed, as base64. */
function packed(bytes: Uint8Array): string {
  return gzipSync(bytes, { level: 9 }).toString("base64");
}

interface PageParts {
  facts: PageFacts;
  weights: string;
  worker: string;
  runtime: string;
  script: string;
  style: string;
}

/** Nothing is asked for: not by the page's own code, and the policy forbids it to everything. */
const policy =
  "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' blob:; worker-src blob:; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'";

const licences =
  "Contains ONNX Runtime (MIT License, Copyright Microsoft Corporation), Solid (MIT License, Copyright Ryan Carniato), Zod (MIT License, Copyright Colin McDonnell), protobuf-es (Apache License 2.0 and BSD-3-Clause, Copyright Buf Technologies, Inc., and Google Inc.) and atelier (Apache License 2.0, Copyright The Atelier authors).";

function pageOf({ facts, weights, worker, runtime, script, style }: PageParts): string {
  const data = (id: string, content: string) => `<script type="text/plain" id="${id}">${content}</script>`;
  // What a script holds must not end it.
  const json = JSON.stringify(facts).replaceAll("<", "\\u003c");
  return `<!doctype html>
<!-- ${licences} -->
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${escapeText(`${facts.title}: ${facts.run}`)}</title>
<link rel="icon" href="data:,">
<style>${style.replaceAll("</style", "<\\/style")}</style>
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript: it runs a trained model.</noscript>
<script type="application/json" id="facts">${json}</script>
${data("worker", worker)}
${data("wasm", runtime)}
${data("weights", weights)}
<script>${script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--")}</script>
</body>
</html>
`;
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
