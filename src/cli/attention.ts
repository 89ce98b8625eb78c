import path from "node:path";
import type { Command } from "commander";
import { UsageError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/node/files.ts";
import { showActivity } from "./activity.ts";
import { pngAbout } from "./opened.ts";
import { checkDevice, wholeNumber } from "./options.ts";
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
      .argument("<run|folder>", "a run's name or folder, a folder in Hugging Face's form, or ORG/NAME on the hub")
      .requiredOption("--text <text>", "what it reads, at most 64 tokens")
      .option("--layer <n>", "only this layer, counted from 1 (default: all)", wholeNumber(1))
      .option("--out <file>", "where to (default: NAME-attention.png in the current folder)")
      .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu")
      .action((target: string, options: AttentionOptions, self: Command) => attention(target, options, io, wantsJson(self)));
  },
};

async function attention(target: string, options: AttentionOptions, io: Io, json: boolean): Promise<void> {
  checkDevice(options.device);
  const { loadText } = await import("../runs/text-engine.ts");
  const { attentionMaps, attentionPicture } = await import("../runs/attention-maps.ts");
  const { encodePng } = await import("../report/png.ts");
  const { openDevice } = await import("./device.ts");
  const { name, network, tokenizer, model } = await loadText(target, { onWarning: (text) => io.stderr.write(`warning: ${text}\n`) });
  const activity = showActivity(io, json);
  const backend = await openDevice(options.device, io, activity.onProgress).finally(activity.end);
  const maps = await attentionMaps(network, backend, tokenizer, options.text);
  const { layer } = options;
  if (layer !== undefined && layer > maps.layers.length)
    throw new UsageError({ what: "There is no such layer.", got: String(layer), expected: `1 to ${maps.layers.length}` });
  const file = path.resolve(options.out ?? `${name}-attention.png`);
  const picture = attentionPicture(maps, { layer: layer === undefined ? undefined : layer - 1 });
  const about = model === undefined ? { Software: "atelier", model: name } : pngAbout({ run: { name }, model });
  await writeFileAtomic(file, encodePng(picture, { ...about, text: options.text }));
  if (json)
    printJson(io, { model: name, file, tokens: maps.tokens, layers: maps.layers.map((heads) => heads.map((weights) => [...weights])) });
  else io.stdout.write(`${file}\n`);
}
