import type { Tensor } from "../graph/tensor.ts";
import type { Module } from "./module.ts";

/**
 * What a decoder remembers of the tokens before the ones it is given: a buffer of S places a layer, of which the mask says which are filled. Keys are
 * as attention uses them, after rotary rotation.
 */
export interface DecoderPast {
  /** Per layer [B, K, S, D]. */
  readonly keys: readonly Tensor[];
  /** Per layer [B, K, S, D]. */
  readonly values: readonly Tensor[];
  /** Boolean [B, 1, T, S + T]: true where a token looks at a place of the buffer (the first S) or at one of the new tokens (the last T). */
  readonly mask: Tensor;
}

/** Sizes of a decoder that generation must know. */
export interface DecoderSizes {
  readonly layers: number;
  /** Heads of queries. */
  readonly heads: number;
  /** Heads of keys and values, K; a divisor of `heads`. */
  readonly keyValueHeads: number;
  /** Width of a head, D. */
  readonly headSize: number;
  /** The most positions it was made for. */
  readonly context: number;
  /** Logits a token, V. */
  readonly vocabulary: number;
}

/** What {@link DecoderNetwork.decode} gives for T new tokens. */
export interface Decoded {
  /** [B, T, V], of the token that follows each. */
  readonly logits: Tensor;
  /** Per layer [B, K, T, D], of the new tokens alone: whoever keeps the buffers puts them there. */
  readonly keys: readonly Tensor[];
  /** Per layer [B, K, T, D]. */
  readonly values: readonly Tensor[];
  /** [B, T, C], after the last norm: what {@link DecoderNetwork.logitsOf} reads, and what embeddings of text are made of. */
  readonly hidden: Tensor;
}

/** A network that predicts the next token and can be run piece by piece: what the text engine needs. `cachedAttention` is its attention. */
export interface DecoderNetwork extends Module {
  readonly decoder: DecoderSizes;
  /**
   * Tokens [B, T] int32 at positions [B, T] int32. Without a past each token sees those before it in `tokens`, and itself; with one, what `past.mask`
   * says. Padding is a matter of the mask alone.
   * @throws ShapeError
   */
  decode(tokens: Tensor, positions: Tensor, past?: DecoderPast): Decoded;
  /** Logits [B, T, V] of hidden states [B, T, C]: `decode(...).logits` is `logitsOf(decode(...).hidden)`. A long prompt needs those of its last token only. */
  logitsOf(hidden: Tensor): Tensor;
}

/** Whether a network can be run piece by piece. An encoder-decoder has fields of these names, too: its decoder is a part and no sizes. */
export function isDecoder(network: Module): network is DecoderNetwork {
  return "decode" in network && "decoder" in network && typeof (network.decoder as Partial<DecoderSizes>).context === "number";
}
