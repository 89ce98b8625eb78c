// Decoding with as many heads of keys and values as of queries, with a quarter, and with one: a GPT-2-small-sized decoder with random weights, batch 1 and 64,
// past of 128 and of 512 tokens, sizes in turn.
//   node bin/ts.js bench/experiments/multi-query.ts [rounds, default 5] [steps a round, default 10]
import { RandomStream } from "../../src/core/random.ts";
import { DecoderSession } from "../../src/generation/decoder-session.ts";
import { Llama } from "../../src/nn/transformers/llama.ts";
import { openBackend } from "../../src/runtime/node/open.ts";

const [rounds = "5", steps = "10"] = process.argv.slice(2);
const backend = await openBackend();
const sessions: { K: number; session: DecoderSession }[] = [];
for (const keyValueHeads of [12, 3, 1]) {
  const sizes = { vocabulary: 50_257, context: 1024, width: 768, layers: 12, heads: 12, keyValueHeads, hidden: 2048, tied: true };
  const session = await DecoderSession.open(backend, new Llama(sizes, new RandomStream(1, "init")));
  sessions.push({ K: keyValueHeads, session });
}
const median = (list: readonly number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
for (const rows of [1, 64]) {
  for (const places of [128, 512]) {
    const calls = sessions.map(({ K, session }) => {
      const arrays = () => Array.from({ length: 12 }, () => new Float32Array(rows * K * places * 64));
      const call = session.bind({ rows, tokens: 1, places, wanted: rows }, { keys: arrays(), values: arrays() });
      call.mask.fill(1);
      call.positions.fill(places);
      call.wanted.set(Array.from({ length: rows }, (_, row) => row));
      return { K, call, ms: [] as number[] };
    });
    for (let round = 0; round <= Number(rounds); round++) {
      for (const { call, ms } of calls) {
        const started = performance.now();
        for (let step = 0; step < Number(steps); step++) await call.run();
        // The first round faults memory in.
        if (round > 0) ms.push((performance.now() - started) / Number(steps));
      }
    }
    const base = median(calls[0].ms);
    for (const { K, call, ms } of calls) {
      const step = median(ms);
      const row = {
        rows,
        past: places,
        keyValueHeads: K,
        step_ms: step,
        tokens_per_second: (1000 * rows) / step,
        throughput_ratio: base / step,
      };
      console.log(JSON.stringify(row));
      call.dispose();
    }
  }
}
process.exit(0);
