import type { Command } from "commander";
import { showActivity } from "./activity.ts";
import { tableText } from "./format.ts";
import { wholeNumber } from "./options.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface FillMaskOptions {
  text: string;
  top: number;
}

export const verb: Verb = {
  name: "fill-mask",
  summary: "Let a BERT guess the hidden words of a text",
  register(program, io) {
    addCommand(program, "fill-mask", verb.summary)
      .argument("<run|folder>", "a run's name or folder, a folder in Hugging Face's form, or ORG/NAME on the hub")
      .requiredOption("--text <text>", 'with masks: "the old [MASK] went to the sea"')
      .option("--top <n>", "guesses for each mask", wholeNumber(1), 5)
      .action((target: string, options: FillMaskOptions, command: Command) => fill(target, options, io, wantsJson(command)));
  },
};

async function fill(target: string, { text, top }: FillMaskOptions, io: Io, json: boolean): Promise<void> {
  const { loadText } = await import("../runs/text-engine.ts");
  const { fillMasks } = await import("../runs/fill-mask.ts");
  const { openDevice } = await import("./device.ts");
  const { network, tokenizer, name } = await loadText(target, { onWarning: (warning) => io.stderr.write(`warning: ${warning}\n`) });
  const activity = showActivity(io, json);
  const backend = await openDevice("cpu", io, activity.onProgress).finally(activity.end);
  const masks = await fillMasks(network, tokenizer, backend, text, { top });
  if (json) {
    printJson(io, { model: name, text, masks });
    return;
  }
  const rows = masks.flatMap((guesses, i) => guesses.map(({ token, probability }) => [String(i + 1), token, probability.toFixed(3)]));
  io.stdout.write(tableText(["mask", "token", "probability"], rows));
}
