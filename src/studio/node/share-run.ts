// What a child process does to make a run one file: what `atelier export --format html` does, kept in the run's folder.
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { writeFileAtomic } from "../../core/node/files.ts";
import { requireImages } from "../../data/dataset.ts";
import { type CodeFacts, exportHtml } from "../../runs/export-html.ts";
import { type LoadedModel, loadSplit } from "../../runs/load.ts";
import { pageCodes, wantsCodes } from "../../runs/page-codes.ts";
import { openRun, type Run } from "../../runs/registry.ts";
import { openDevice } from "../../runtime/node/device.ts";
import type { SharedPage, SharePrecision } from "../share.ts";
import type { Surroundings } from "./child-main.ts";
import { shareFiles } from "./share.ts";

/** Make the page and keep it; what is known of it is written after it. @throws as `exportHtml` */
export async function shareRun(
  { run: name, precision }: { run: string; precision: SharePrecision },
  { onProgress, signal }: Surroundings,
): Promise<SharedPage> {
  onProgress("opening the run");
  const run = await openRun(name);
  const files = shareFiles(run.folder, precision);
  const notes: string[] = [];
  let step = 0;
  const codes = async (model: LoadedModel): Promise<CodeFacts> => {
    step = model.step;
    signal.throwIfAborted();
    const found = await heldCodes(run, model, { onProgress, signal }).catch((error: Error) => {
      signal.throwIfAborted();
      notes.push(`the page begins without pictures of the data: ${error.message}`);
      return {};
    });
    onProgress("writing the page");
    return found;
  };
  await mkdir(path.dirname(files.page), { recursive: true });
  const onWarning = (text: string) => notes.push(text);
  const { bytes, weights } = await exportHtml({ run, file: files.page, precision, codes, onWarning });
  const page: SharedPage = { precision, step, bytes, weights, notes };
  await writeFileAtomic(files.about, `${JSON.stringify(page)}\n`);
  return page;
}

/** Codes of the run's held-out pictures, for models that have such. */
async function heldCodes(run: Run, model: LoadedModel, { onProgress, signal }: Surroundings): Promise<CodeFacts> {
  const { record, config } = model;
  if (!wantsCodes(record, config)) return {};
  const data = run.record.data?.name ?? record.data.sets[0];
  const held = requireImages(await loadSplit(record, config, data, "test", undefined, { onProgress, signal }), "A page");
  const backend = await openDevice("cpu", { onProgress });
  onProgress("encoding held-out pictures");
  return await pageCodes(model, held, backend);
}
