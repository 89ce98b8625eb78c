import type { Command } from "commander";
import type { HelloModel } from "../runs/hello.ts";
import { showActivity } from "./activity.ts";
import { formatBytes } from "./format.ts";
import { numberAbove, wholeNumber } from "./options.ts";
import { samplingOf } from "./text-sampling.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

export interface HelloOptions {
  prompt: string;
  tokens: number;
  temperature: number;
  topP: number;
  seed: string;
  small?: boolean;
}

export const verb: Verb = {
  name: "hello",
  summary: "Let GPT-2 continue a sentence (548 MB from the hub, once; without a network a small model)",
  register(program, io) {
    addCommand(program, "hello", verb.summary)
      .option("--prompt <text>", "how it begins", "Once upon a time")
      .option("--tokens <n>", "tokens to add", wholeNumber(1), 60)
      .option("--temperature <number>", "below 1 is safer, above 1 wilder", numberAbove(0), 0.8)
      .option("--top-p <number>", "only the likeliest tokens that have this probability together", numberAbove(0), 0.9)
      .option("--seed <text>", "of the draws", "0")
      .option("--small", "take the small model that comes with the library at once")
      .action((options: HelloOptions, command: Command) => hello(options, io, wantsJson(command)));
  },
};

async function hello(options: HelloOptions, io: Io, json: boolean): Promise<void> {
  // Before anything is fetched.
  samplingOf(options, options.seed);
  const { findHelloModel } = await import("../runs/hello.ts");
  const activity = showActivity(io, json);
  const started = performance.now();
  const onProgress = (file: string, _: number, bytes: number) =>
    activity.onProgress(`fetching ${file} (${formatBytes(bytes)})`, (performance.now() - started) / 1000);
  const found = await findHelloModel({ onProgress, small: options.small }).finally(activity.end);
  if (found.instead !== undefined)
    io.stderr.write(`note: GPT-2 is not here (${found.instead.replace(/\.$/, "")}); this is ${found.name}\n`);
  await sayHello(found, options, io, json);
}

/** Continue the prompt with a model's folder, and write the text as it comes. */
export async function sayHello(found: HelloModel, options: HelloOptions, io: Io, json: boolean): Promise<void> {
  const sampling = samplingOf(options, options.seed);
  const { openTextEngine } = await import("../runs/text-engine.ts");
  const { openDevice } = await import("./device.ts");
  const activity = showActivity(io, json);
  const backend = await openDevice("cpu", io, activity.onProgress).finally(activity.end);
  const { engine } = await openTextEngine(found.folder, { backend, slots: 1 });
  const { prompt } = options;
  try {
    let text = "";
    const ids = engine.tokenizer.encode(prompt);
    const room = Math.max(1, engine.context - ids.length);
    const maxTokens = Math.min(options.tokens, room);
    if (maxTokens < options.tokens) io.stderr.write(`note: the model's context of ${engine.context} tokens leaves room for ${room}\n`);
    if (!json) io.stdout.write(prompt);
    for await (const token of engine.generate({ prompt: ids, maxTokens, sampling })) {
      text += token.text;
      if (!json) io.stdout.write(token.text);
    }
    if (json) printJson(io, { model: found.name, ...(found.instead === undefined ? {} : { instead: found.instead }), prompt, text });
    else io.stdout.write("\n");
  } finally {
    await engine.close();
  }
}
