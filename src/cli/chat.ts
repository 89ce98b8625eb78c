import { createInterface } from "node:readline";
import type { Command } from "commander";
import { type ChatInput, chatLoop } from "./chat-loop.ts";
import { anyNumber, wholeNumber } from "./options.ts";
import { addTextOptions, openText, type TextOptions } from "./text-options.ts";
import { samplingOf } from "./text-sampling.ts";
import { addCommand, type Io, type Verb, wantsJson } from "./verb.ts";

interface ChatOptions extends TextOptions {
  system?: string;
  temperature: number;
  topP?: number;
  topK?: number;
  seed?: string;
  maxTokens?: number;
}

export const verb: Verb = {
  name: "chat",
  summary: "Talk with a trained run or a model's folder in the terminal",
  register(program, io) {
    const command = addCommand(program, "chat", verb.summary)
      .argument("<run|folder>", "a run's name or folder, a folder in Hugging Face's form, or an adapter's")
      .option("--system <text>", "what the model is told first")
      .option("--temperature <t>", "0 takes the likeliest token", anyNumber, 0.7)
      .option("--top-p <p>", "draw from the likeliest tokens that make up this probability", anyNumber)
      .option("--top-k <n>", "draw from the so many likeliest tokens", wholeNumber(1))
      .option("--seed <seed>", "the same seed gives the same answers")
      .option("--max-tokens <n>", "the most tokens of an answer (default: what the context has left)", wholeNumber(1));
    addTextOptions(command).action((target: string, options: ChatOptions, self: Command) => chat(target, options, io, wantsJson(self)));
  },
};

async function chat(target: string, options: ChatOptions, io: Io, json: boolean): Promise<void> {
  const { ChatSession } = await import("../generation/chat-session.ts");
  const { system, maxTokens, temperature, topP, topK, seed } = options;
  // Before the model is loaded, and once instead of at each message.
  const sampling = samplingOf({ temperature, topP, topK }, seed);
  const { engine, template, name } = await openText(target, { ...options, slots: 1 }, io, json);
  const input = terminalInput(json);
  try {
    if (process.stdin.isTTY && !json) io.stderr.write(`${name}: say something, or /help\n`);
    const answered = await chatLoop(new ChatSession(engine, template, { system, maxTokens, sampling }), input, io, json);
    // Who talks sees what was refused; a program that pipes messages in learns of it by the exit code.
    if (!answered && process.stdin.isTTY !== true) io.exitCode = 1;
  } finally {
    input.close();
    await engine.close();
  }
}

/** Lines of the terminal with editing and history, or of a pipe. */
function terminalInput(json: boolean): ChatInput & { close(): void } {
  const terminal = process.stdin.isTTY === true;
  const reader = createInterface({ input: process.stdin, ...(terminal ? { output: process.stderr, prompt: "> " } : {}) });
  // Taken at once: lines that come before somebody asks are kept.
  const lines = reader[Symbol.asyncIterator]();
  let interrupt: (() => void) | undefined;
  const onSignal = () => interrupt?.();
  if (terminal) reader.on("SIGINT", onSignal);
  else process.on("SIGINT", onSignal);
  return {
    lines: { [Symbol.asyncIterator]: () => lines },
    prompt: () => {
      if (terminal && !json) reader.prompt();
    },
    onInterrupt: (act) => {
      interrupt = act;
    },
    close: () => {
      process.off("SIGINT", onSignal);
      reader.close();
    },
  };
}
