import type { Precision } from "../lower/weight-only.ts";
import type { DecoderNetwork } from "../nn/decoder.ts";
import type { Backend } from "../runtime/backend.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { type Beam, type BeamSearchOptions, beamSearch } from "./beam.ts";
import { KeyValueCache } from "./cache.ts";
import { DecoderSession } from "./decoder-session.ts";
import { DrawableIds } from "./drawable.ts";
import { fillPrompt, nothingCached } from "./prompt-call.ts";

export interface DecoderBeamOptions extends Omit<BeamSearchOptions, "step"> {
  network: DecoderNetwork;
  backend: Backend;
  precision?: Precision | undefined;
  /** Ids [T], at least one. */
  prompt: Int32Array;
  /** Ids that it has no token for are never part of a text. */
  tokenizer: Pick<Tokenizer, "tokenOf" | "vocabularySize">;
}

/** {@link beamSearch} with a decoder: beams are rows of one cache, whose places are put into the beams' order before each step. @throws UsageError, RuntimeError */
export async function searchWithDecoder({
  network,
  backend,
  precision,
  prompt,
  tokenizer,
  ...options
}: DecoderBeamOptions): Promise<Beam[]> {
  const session = await DecoderSession.open(backend, network, { precision, name: "beam search" });
  const { beams, maxLength } = options;
  const drawable = new DrawableIds(tokenizer, session.sizes.vocabulary);
  const cache = new KeyValueCache(session.sizes);
  cache.reserve(2 * beams, prompt.length + maxLength, []);
  let length = 0;
  const call = session.bind({ rows: beams, tokens: 1, places: cache.places, wanted: beams }, cache.view(0, beams));
  const S = cache.places;
  for (let row = 0; row < beams; row++) call.wanted[row] = row;
  const step = async (tokens: Int32Array, parents: Int32Array): Promise<Float32Array> => {
    if (length === 0) {
      const first = session.bind({ rows: 1, tokens: prompt.length, places: 1, wanted: 1 }, nothingCached(session.sizes));
      fillPrompt(first, [...prompt], 0);
      await first.run();
      cache.put(first.made, 0, prompt.length, 0, 0);
      for (let row = 1; row < beams; row++) cache.move(0, row, prompt.length);
      length = prompt.length;
      first.dispose();
      return logSoftmaxRows(first.logits, session.sizes.vocabulary, drawable);
    }
    if (parents.some((parent, row) => parent !== row) && length > prompt.length) reorder(cache, parents, length);
    call.mask.fill(0);
    for (let row = 0; row < beams; row++) {
      call.tokens[row] = tokens[row];
      call.positions[row] = length;
      call.mask.fill(1, row * (S + 1), row * (S + 1) + length);
      call.mask[row * (S + 1) + S] = 1;
    }
    await call.run();
    for (let row = 0; row < beams; row++) cache.put(call.made, row, 1, row, length);
    length++;
    return logSoftmaxRows(call.logits, session.sizes.vocabulary, drawable);
  };
  try {
    return await beamSearch({ ...options, step });
  } finally {
    call.dispose();
    await session.dispose();
  }
}

/** Each row becomes what its parent was: by way of the cache's second half, since a row may be needed after it is overwritten. */
function reorder(cache: KeyValueCache, parents: Int32Array, length: number): void {
  const beams = parents.length;
  parents.forEach((parent, row) => {
    if (parent !== row) cache.move(parent, beams + row, length);
  });
  parents.forEach((parent, row) => {
    if (parent !== row) cache.move(beams + row, row, length);
  });
}

/** Rows of logits [., V] as natural logarithms of the probabilities of tokens, in new memory. */
function logSoftmaxRows(given: Float32Array, V: number, drawable: DrawableIds): Float32Array {
  const logits = given.slice();
  for (let at = 0; at < logits.length; at += V) drawable.close(logits.subarray(at, at + V));
  const out = new Float32Array(logits.length);
  for (let at = 0; at < logits.length; at += V) {
    let most = Number.NEGATIVE_INFINITY;
    for (let i = at; i < at + V; i++) if (logits[i] > most) most = logits[i];
    let sum = 0;
    for (let i = at; i < at + V; i++) sum += Math.exp(logits[i] - most);
    const all = most + Math.log(sum);
    for (let i = at; i < at + V; i++) out[i] = logits[i] - all;
  }
  return out;
}
