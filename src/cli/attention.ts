import path from "node:path";
import type { Command } from "commander";
import { UsageError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/node/files.ts";
import { openModel, pngAbout } from "./opened.ts";
import { wholeNumber } from "./options.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface AttentionOptions {
  text: string;
  layer?: number;
  out?: string;
  device: string;
}

export const verb: Verb = {
  name: "attention",
  summary: "Draw where the tokens of a text look at each other in a Transformer",
  register(program, io) {
    addCommand(program, "attention", verb.summary)
      .argument("<run>", "a run's name or folder")
      .requiredOption("--text <text>", "what it reads, at most 64 tokens")
      .option("--layer <n>", "only this layer, counted from 1 (default: all)", wholeNumber(1))
      .option("--out <file>", "where to (default: RUN-attention.png in the current folder)")
      .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu")
      .action((run: string, options: AttentionOptions, self: Command) => attention(run, options, io, wantsJson(self)));
  },
};

async function attention(name: string, options: AttentionOptions, io: Io, json: boolean): Promise<void> {
  const opened = await openModel(name, options, io, json);
  const { model, backend, run } = opened;
  const { attentionMaps, attentionPicture } = await import("../runs/attention-maps.ts");
  const { encodePng } = await import("../report/png.ts");
  if (model.tokenizers === undefined) throw new UsageError({ what: `The model "${model.record.name}" reads no text.` });
  const maps = await attentionMaps(model, backend, model.tokenizers.tokenizer, options.text);
  const { layer } = options;
  if (layer !== undefined && layer > maps.layers.length)
    throw new UsageError({ what: "There is no such layer.", got: String(layer), expected: `1 to ${maps.layers.length}` });
  const file = path.resolve(options.out ?? `${run.name}-attention.png`);
  const picture = attentionPicture(maps, { layer: layer === undefined ? undefined : layer - 1 });
  await writeFileAtomic(file, encodePng(picture, { ...pngAbout(opened), text: options.text }));
  if (json)
    printJson(io, { run: run.name, file, tokens: maps.tokens, layers: maps.layers.map((heads) => heads.map((weights) => [...weights])) });
  else io.stdout.write(`${file}\n`);
}
