/** What may stand behind the masks of a text, in the eyes of a BERT. */
import { UsageError } from "../core/errors.ts";
import type { Module } from "../nn/module.ts";
import { Bert } from "../nn/transformers/bert.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";

/** One guess for one mask. */
export interface MaskGuess {
  readonly id: number;
  readonly token: string;
  /** In [0, 1], over the whole vocabulary. */
  readonly probability: number;
}

/**
 * The likeliest tokens for each mask of a text, from its left to its right; each mask is guessed on its own.
 * @param text with the tokenizer's mask token, such as `[MASK]`, at least once
 * @throws UsageError for a network that fills no masks, a tokenizer without such a token, and a text without one or longer than the context
 */
export async function fillMasks(
  network: Module,
  tokenizer: Tokenizer,
  backend: Backend,
  text: string,
  { top = 5 }: { top?: number } = {},
): Promise<MaskGuess[][]> {
  if (!(network instanceof Bert) || network.cls.predictions === undefined)
    throw new UsageError({ what: "This network fills no masks.", expected: "a BERT with its head for masked tokens" });
  const mask = [...tokenizer.specialTokens].find(([content]) => /mask/i.test(content));
  if (mask === undefined) throw new UsageError({ what: "The tokenizer has no token for masks." });
  const ids = tokenizer.encode(text);
  const places = [...ids.keys()].filter((i) => ids[i] === mask[1]);
  const { context, vocabulary } = network.config;
  if (places.length === 0)
    throw new UsageError({ what: "There is no mask in the text.", got: text, expected: `${mask[0]} where a word is to be guessed` });
  if (ids.length > context)
    throw new UsageError({ what: "The text is longer than the context.", got: `${ids.length} tokens`, expected: `at most ${context}` });
  const program = await compile(backend, ({ tokens }) => ({ scores: network.maskedLogits(network.call(tokens)).softmax() }), {
    inputs: { tokens: { shape: [1, ids.length], dtype: "int32" } },
    name: "fill masks",
  });
  try {
    const scores = (await program.run({ tokens: ids })).scores as Float32Array;
    return places.map((place) => {
      const row = scores.subarray(place * vocabulary, (place + 1) * vocabulary);
      const order = [...row.keys()].filter((id) => tokenizer.tokenOf(id) !== undefined).sort((a, b) => row[b] - row[a]);
      return order.slice(0, top).map((id) => ({ id, token: tokenizer.tokenOf(id)!, probability: row[id] }));
    });
  } finally {
    await program.dispose();
  }
}
