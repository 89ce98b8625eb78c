/** Where the tokens of a text look at each other in a Transformer, as numbers and as pictures. */
import { UsageError } from "../core/errors.ts";
import { isAttending } from "../nn/attending.ts";
import type { Module } from "../nn/module.ts";
import { alignmentMaps } from "../report/alignment.ts";
import type { Raster } from "../report/png.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";

/** Attention of one text. */
export interface AttentionMaps {
  /** The tokens as text, T of them. */
  readonly tokens: readonly string[];
  /** By layer and head: [T, T], row t says how much token t looks at each; a row sums to 1. */
  readonly layers: readonly (readonly Float32Array[])[];
}

/**
 * Run a text through a network and keep the attention weights of all layers and heads.
 * @throws UsageError for a model without attention, and for a text of no token or of more than fit into a picture
 */
export async function attentionMaps(network: Module, backend: Backend, tokenizer: Tokenizer, text: string): Promise<AttentionMaps> {
  if (!isAttending(network)) throw new UsageError({ what: "The model has no attention to look at.", expected: "GPT, BERT or Llama" });
  const ids = tokenizer.encode(text);
  const T = ids.length;
  if (T < 1 || T > 64) throw new UsageError({ what: "The text cannot be drawn.", got: `${T} tokens`, expected: "1 to 64 tokens" });
  const program = await compile<"tokens", string>(
    backend,
    ({ tokens }) => Object.fromEntries(network.attention(tokens).map((weights, layer) => [`layer${layer}`, weights])),
    { inputs: { tokens: { shape: [1, T], dtype: "int32" } }, name: "attention" },
  );
  try {
    const outputs = await program.run({ tokens: ids });
    const layers = Object.keys(outputs).map((name) => {
      const all = outputs[name] as Float32Array;
      return Array.from({ length: all.length / (T * T) }, (_, head) => all.slice(head * T * T, (head + 1) * T * T));
    });
    return { tokens: Array.from(ids, (id) => shown(tokenizer, id)), layers };
  } finally {
    await program.dispose();
  }
}

/** A token as it can be written into a picture: blanks and line breaks have signs. */
function shown(tokenizer: Tokenizer, id: number): string {
  const text = tokenizer.decode([id], { skipSpecialTokens: false });
  return text === "" ? (tokenizer.tokenOf(id) ?? "?") : text.replaceAll("\n", "/").replaceAll(" ", "_");
}

/** One map a head: rows look at columns, the darker the more. Layers below each other, the heads of a layer in a row. */
export function attentionPicture(
  { tokens, layers }: AttentionMaps,
  { layer, cell = 16 }: { layer?: number | undefined; cell?: number } = {},
): Raster {
  const chosen = layer === undefined ? layers : [layers[layer]];
  const panels = chosen.flatMap((heads) => heads.map((weights) => ({ source: tokens, target: tokens, weights })));
  return alignmentMaps(panels, { columns: chosen[0].length, cell });
}
