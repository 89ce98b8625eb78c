import type { DecoderSizes } from "../nn/decoder.ts";
import type { CacheArrays, DecoderCall } from "./decoder-session.ts";

/** A cache of one place, which no token looks at: what texts begin with. */
export function nothingCached({ layers, keyValueHeads, headSize }: DecoderSizes): CacheArrays {
  const arrays = () => Array.from({ length: layers }, () => new Float32Array(keyValueHeads * headSize));
  return { keys: arrays(), values: arrays() };
}

/** Write tokens of one text that come after its first `cached` ones: each sees those and the new ones up to itself; the last one's logits are wanted. */
export function fillPrompt(call: DecoderCall, tokens: readonly number[], cached: number): void {
  const { tokens: T, places: S } = call.sizes;
  call.tokens.set(tokens);
  call.wanted[0] = T - 1;
  for (let t = 0; t < T; t++) {
    call.positions[t] = cached + t;
    const at = t * (S + T);
    call.mask.fill(1, at, at + cached);
    call.mask.fill(1, at + S, at + S + t + 1);
  }
}
