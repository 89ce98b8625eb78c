// The server that bench/serving/load.ts puts a load on, in a process of its own: `server.ts 124m|10m|tiny|FOLDER SLOTS`. The shapes are GPT-2 networks
// with random weights and a vocabulary without an end token, so that every answer has the length that was asked for. Prints its address as JSON.
import { RandomStream } from "../../src/core/random.ts";
import { DecoderEngine } from "../../src/generation/index.ts";
import { Gpt2, type Gpt2Config } from "../../src/nn/transformers/index.ts";
import { openTextEngine } from "../../src/runs/text-engine.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { Gauge, TextService } from "../../src/server/index.ts";
import { serveHttp } from "../../src/server/node/index.ts";
import { plainChatTemplate } from "../../src/tokenizers/chat/index.ts";
import { Tokenizer, trainByteBpe } from "../../src/tokenizers/index.ts";

const shapes: Record<string, Gpt2Config> = {
  "124m": { vocabulary: 50_257, context: 1024, width: 768, layers: 12, heads: 12 },
  "10m": { vocabulary: 4096, context: 1024, width: 320, layers: 7, heads: 5 },
  tiny: { vocabulary: 512, context: 512, width: 64, layers: 2, heads: 2 },
};

const [target = "tiny", slots = "16"] = process.argv.slice(2);
const backend = await openBackend({ device: "cpu" });
const { engine, template, name } = await open();
const gauge = new Gauge("Memory of the process.", () => process.memoryUsage.rss());
const service = new TextService({ engine, template, name, queue: 1024, gauges: { process_resident_memory_bytes: gauge } });
const server = await serveHttp(service, { port: 0 });
console.log(JSON.stringify({ url: server.url, model: name, slots: engine.slots, context: engine.context }));
process.on("SIGTERM", () => void server.close(0));

async function open() {
  const config = shapes[target];
  if (config === undefined) return openTextEngine(target, { backend, slots: Number(slots) });
  const tokenizer = filledTokenizer(config.vocabulary);
  const network = new Gpt2(config, new RandomStream(0, "weights"));
  const opened = await DecoderEngine.open({ backend, network, tokenizer, name: `gpt2-${target}`, slots: Number(slots), endTokens: [] });
  return { engine: opened, template: plainChatTemplate(tokenizer), name: opened.name };
}

/** All bytes, and words that nothing is encoded as, up to a size. */
function filledTokenizer(size: number): Tokenizer {
  const { spec } = trainByteBpe(["the tide came in"], { size: 260, specialTokens: [] });
  if (spec.model.type !== "BPE") throw new Error("a byte-level BPE was expected");
  const vocab = { ...spec.model.vocab };
  for (let id = Object.keys(vocab).length; id < size; id++) vocab[`word${id}`] = id;
  return new Tokenizer({ ...spec, model: { ...spec.model, vocab } });
}
