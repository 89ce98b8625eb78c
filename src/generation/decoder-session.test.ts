import { afterAll, describe, expect, it } from "vitest";
import type { Precision } from "../lower/weight-only.ts";
import type { Backend } from "../runtime/backend.ts";
import { openBackend } from "../runtime/node/open.ts";
import { compile } from "../runtime/program.ts";
import { type CacheArrays, DecoderSession } from "./decoder-session.ts";
import { fillPrompt, nothingCached } from "./prompt-call.ts";
import { TinyDecoder } from "./testing/tiny-decoder.ts";

const network = new TinyDecoder({ keyValueHeads: 2, deviation: 0.3 });
const { layers, keyValueHeads: K, headSize: D, vocabulary: V } = network.decoder;
const backend = await openBackend();
const session = await DecoderSession.open(backend, network);
const texts = [
  [3, 14, 15, 9, 26, 5, 35],
  [8, 9, 7, 9],
];

/** Logits [T, V] of a whole text at once, by the plain program. */
async function whole(text: readonly number[]): Promise<Float32Array> {
  const shape = [1, text.length];
  const program = await compile(backend, ({ tokens, positions }) => ({ logits: network.decode(tokens, positions).logits }), {
    inputs: { tokens: { shape, dtype: "int32" }, positions: { shape, dtype: "int32" } },
  });
  const { logits } = await program.run({ tokens: text, positions: text.map((_, i) => i) });
  await program.dispose();
  return logits as Float32Array;
}

function emptyCache(rows: number, places: number): CacheArrays {
  const arrays = () => Array.from({ length: layers }, () => new Float32Array(rows * K * places * D));
  return { keys: arrays(), values: arrays() };
}

function expectClose(found: Float32Array, wanted: Float32Array): void {
  expect(found.length).toBe(wanted.length);
  expect(Math.max(...found.map((value, i) => Math.abs(value - wanted[i])))).toBeLessThan(1e-4);
}

afterAll(() => session.dispose());

describe("DecoderSession", () => {
  it("gives the same whether the weights are in the model or beside it, in each precision", async () => {
    const wide = new TinyDecoder({ headSize: 32, deviation: 0.3 });
    const logitsBy = async (given: Backend, precision: Precision) => {
      const opened = await DecoderSession.open(given, wide, { precision });
      const call = opened.bind({ rows: 1, tokens: 2, places: 1, wanted: 1 }, nothingCached(wide.decoder));
      fillPrompt(call, [3, 14], 0);
      await call.run();
      call.dispose();
      await opened.dispose();
      return call.logits;
    };
    for (const precision of ["float32", "int8", "int4"] as const) {
      const copying: Backend = {
        device: backend.device,
        description: "",
        target: backend.target,
        load: (...given) => backend.load(...given),
      };
      expect(await logitsBy(backend, precision)).toEqual(await logitsBy(copying, precision));
    }
  });

  it("gives the logits of a whole prompt", async () => {
    const [text] = texts;
    const T = text.length;
    const call = session.bind({ rows: 1, tokens: T, places: 1, wanted: T }, emptyCache(1, 1));
    call.tokens.set(text);
    call.positions.set(text.map((_, i) => i));
    call.wanted.set(text.map((_, i) => i));
    for (let i = 0; i < T; i++) for (let j = 0; j <= i; j++) call.mask[i * (1 + T) + 1 + j] = 1;
    await call.run();
    expectClose(call.logits, await whole(text));
    call.dispose();
  });

  it("token by token in one batch of texts of different lengths gives the same logits", async () => {
    const S = 9;
    const cache = emptyCache(2, S);
    const call = session.bind({ rows: 2, tokens: 1, places: S, wanted: 2 }, cache);
    call.wanted.set([0, 1]);
    const wanted = await Promise.all(texts.map(whole));
    for (let t = 0; t < 7; t++) {
      texts.forEach((text, row) => {
        call.tokens[row] = text[t] ?? 0;
        call.positions[row] = t;
        for (let i = 0; i < t; i++) call.mask[row * (S + 1) + i] = 1;
        call.mask[row * (S + 1) + S] = 1;
      });
      await call.run();
      for (const kind of ["keys", "values"] as const)
        for (let layer = 0; layer < layers; layer++)
          for (let row = 0; row < 2 * K; row++)
            cache[kind][layer].set(call.made[kind][layer].subarray(row * D, (row + 1) * D), (row * S + t) * D);
      texts.forEach((text, row) => {
        if (t < text.length) expectClose(call.logits.slice(row * V, (row + 1) * V), wanted[row].slice(t * V, (t + 1) * V));
      });
    }
    call.dispose();
  });
});
