/** What a language model writes while it trains. */
import type { WindowSet } from "../data/token-set.ts";
import { continuesText } from "../models/next-token.ts";
import { openTextWriter } from "./continue-text.ts";
import type { ViewContext } from "./sampling.ts";

/** Tokens that are given, and tokens that the model adds. */
const [GIVEN, ADDED] = [16, 120] as const;
const TEMPERATURE = 0.8;

/**
 * The begin of the held-out text and how the model goes on, the same draws each time.
 * @returns undefined for models that do not continue texts
 */
export async function sampleText(context: ViewContext, held: WindowSet, seed: string): Promise<string | undefined> {
  const { tokenizer } = held;
  if (!continuesText(context.record) || tokenizer === undefined) return undefined;
  const prompt = new Int32Array(Math.min(GIVEN, held.source.length));
  held.source.readSync(0, prompt);
  const writer = await openTextWriter(context, tokenizer);
  try {
    const ids = [...prompt];
    const sampling = { temperature: TEMPERATURE, seed: `${seed}/samples` };
    for await (const { id } of writer.generate({ prompt, maxTokens: ADDED, sampling })) ids.push(id);
    return `${tokenizer.decode(prompt)} | ${tokenizer.decode(ids.slice(GIVEN)).trimStart()}\n`;
  } finally {
    await writer.close();
  }
}
