// What rounding weights costs: perplexity of a model's folder on a text with float32, int8 and int4 weights.
//   node bin/ts.js bench/experiments/quantized-perplexity.ts FOLDER TEXT.txt [most tokens, default 20000]
import { readFileSync } from "node:fs";
import { DecoderSession } from "../../src/generation/decoder-session.ts";
import { fillPrompt, nothingCached } from "../../src/generation/prompt-call.ts";
import { logProbabilities } from "../../src/generation/sampler.ts";
import type { DecoderNetwork } from "../../src/nn/decoder.ts";
import { readModelFolder, requireTokenizer } from "../../src/pretrained/node/index.ts";
import { openBackend } from "../../src/runtime/node/open.ts";

const [folder, file, most = "20000"] = process.argv.slice(2);
const model = await readModelFolder(folder);
const network = model.network as unknown as DecoderNetwork;
const ids = requireTokenizer(model).encode(readFileSync(file, "utf8"), { addSpecialTokens: false }).subarray(0, Number(most));
const backend = await openBackend();
// Windows of half the context at least: each token but a window's first is predicted once.
const length = Math.min(256, network.decoder.context);
let exact: number | undefined;
for (const precision of ["float32", "int8", "int4"] as const) {
  const session = await DecoderSession.open(backend, network, { precision });
  const V = session.sizes.vocabulary;
  let [nats, count] = [0, 0];
  const call = session.bind({ rows: 1, tokens: length, places: 1, wanted: length }, nothingCached(session.sizes));
  for (let from = 0; from + length <= ids.length; from += length) {
    const window = ids.subarray(from, from + length);
    call.mask.fill(0);
    fillPrompt(call, [...window], 0);
    for (let t = 0; t < length; t++) call.wanted[t] = t;
    await call.run();
    for (let t = 0; t + 1 < length; t++) nats -= logProbabilities(call.logits.subarray(t * V, (t + 1) * V), window[t + 1], 0).logprob;
    count += length - 1;
  }
  call.dispose();
  await session.dispose();
  const perplexity = Math.exp(nats / count);
  exact ??= perplexity;
  console.log(JSON.stringify({ precision, tokens: count, perplexity, loss_percent: 100 * (perplexity / exact - 1) }));
}
process.exit(0);
