/** What `atelier generate` does for a run of pairs: what a text becomes. */
import path from "node:path";
import { UsageError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/node/files.ts";
import { formatNumber, formatTable } from "./format.ts";
import { type OpenedRun, pngAbout } from "./opened.ts";
import { readSampling } from "./sampling-options.ts";
import { type Io, printJson } from "./verb.ts";

export interface GeneratePairsOptions {
  prompt?: string;
  sampling?: string[];
  count?: number;
  frames?: string;
  out?: string;
}

/**
 * Write what the prompt becomes; with `--count` also the next best, with `--frames` a map of where the model looked.
 * @throws UsageError without a prompt
 */
export async function generatePairs(opened: OpenedRun, options: GeneratePairsOptions, io: Io, json: boolean): Promise<void> {
  const { run, model, backend } = opened;
  const { prompt, count = 1, out, frames } = options;
  const { tokenizers } = model;
  if (prompt === undefined || tokenizers === undefined) {
    throw new UsageError({ what: "There is no text to start from.", hint: 'give it: --prompt "hello"' });
  }
  const { tokenizer, sourceTokenizer = tokenizer } = tokenizers;
  const unknown = sourceTokenizer.idOf("<unk>");
  const missing = sourceTokenizer.encode(prompt, { addSpecialTokens: false }).filter((id) => id === unknown).length;
  if (missing > 0)
    opened.note(`${missing} of the prompt's tokens are not in the vocabulary, such as letters that the data have only in lower case`);
  const { PairWriter } = await import("../runs/translate.ts");
  const asked = await readSampling(model.record, options.sampling);
  const { beams: width } = asked ?? {};
  if (typeof width === "number" && count > width)
    throw new UsageError({
      what: "Beam search finds as many texts as it has beams.",
      got: `--count ${count}, beams=${width}`,
      hint: `--sampling beams=${count}, or fewer texts`,
    });
  const sampling = { ...asked, ...(width === undefined && count > 5 ? { beams: count } : {}) };
  const started = performance.now();
  const writer = await PairWriter.open({ ...model, backend }, tokenizers, [prompt], { sampling });
  try {
    const [beams] = await writer.write();
    const texts = beams.slice(0, count);
    const seconds = (performance.now() - started) / 1000;
    const files: Record<string, string> = {};
    if (out !== undefined) {
      files.file = path.resolve(out);
      await writeFileAtomic(files.file, texts.map(({ text }) => `${text}\n`).join(""));
    }
    if (frames !== undefined) {
      const { alignmentMaps } = await import("../report/alignment.ts");
      const { encodePng } = await import("../report/png.ts");
      files.alignment = path.resolve(frames);
      const raster = alignmentMaps([await writer.align(0, texts[0])]);
      await writeFileAtomic(files.alignment, encodePng(raster, { ...pngAbout(opened), prompt, view: "alignment" }));
    }
    if (json) {
      printJson(io, { run: run.name, checkpoint: model.hash, prompt, texts: texts.map(({ ids: _, ...text }) => text), seconds, ...files });
      return;
    }
    if (count === 1) io.stdout.write(`${texts[0].text}\n`);
    else io.stdout.write(`${formatTable(texts.map(({ text, logProbability }) => [formatNumber(logProbability), text]))}\n`);
    for (const file of Object.values(files)) io.stdout.write(`${file}\n`);
  } finally {
    await writer.close();
  }
}
