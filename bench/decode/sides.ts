// The sides of the decoding benchmark: each makes tokens greedily after a prompt and says when they came.
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { RandomStream } from "../../src/core/random.ts";
import { DecoderEngine } from "../../src/generation/decoder-engine.ts";
import { Gpt2 } from "../../src/nn/transformers/gpt2.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { Tokenizer } from "../../src/tokenizers/tokenizer.ts";
import { type Form, writeGguf } from "./gguf.ts";
import { writeOnnx } from "./onnx-file.ts";

export interface Shape {
  vocabulary: number;
  context: number;
  width: number;
  layers: number;
  heads: number;
}

export const gpt2Small: Shape = { vocabulary: 50_257, context: 1024, width: 768, layers: 12, heads: 12 };

/** What a side did: its tokens, and milliseconds from the call to each of them. */
export interface Made {
  ids: number[];
  at: number[];
}

export interface Side {
  readonly name: string;
  make(prompt: readonly number[], tokens: number): Promise<Made>;
  close(): Promise<void>;
}

const threads = () => Number(process.env.ATELIER_THREADS ?? 2);

/** Weights large enough that predictions are far apart: greedy texts of sides that round differently can be compared. */
export function benchNetwork(shape: Shape): Gpt2 {
  return new Gpt2({ ...shape, deviation: 0.05 }, new RandomStream(1, "init"));
}

export async function ours(shape: Shape, form: Form): Promise<Side> {
  const words = Object.fromEntries(Array.from({ length: shape.vocabulary }, (_, i) => [`t${i}`, i]));
  const model = { type: "WordLevel", vocab: words, unk_token: "t0" };
  const tokenizer = Tokenizer.fromJson({
    version: "1.0",
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: "WhitespaceSplit" },
    post_processor: null,
    decoder: null,
    model,
  });
  const engine = await DecoderEngine.open({
    network: benchNetwork(shape),
    tokenizer,
    backend: await openBackend(),
    precision: form,
    endTokens: [],
    chunk: 1024,
  });
  return {
    name: "atelier",
    async make(prompt, tokens) {
      const made: Made = { ids: [], at: [] };
      const started = performance.now();
      for await (const { id } of engine.generate({ prompt: Int32Array.from(prompt), maxTokens: tokens })) {
        made.ids.push(id);
        made.at.push(performance.now() - started);
      }
      return made;
    },
    close: () => engine.close(),
  };
}

/** @param peers the folder where `npm install node-llama-cpp` was run */
export async function llamaCpp(shape: Shape, form: Form, peers: string): Promise<Side> {
  const file = path.join(peers, `bench-${shape.layers}x${shape.width}-${form}.gguf`);
  writeGguf(file, benchNetwork(shape), form);
  const { getLlama, LlamaLogLevel } = await peer(peers, "node-llama-cpp");
  const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error, maxThreads: threads() });
  const model = await llama.loadModel({ modelPath: file });
  const context = await model.createContext({ contextSize: shape.context, batchSize: 1024, threads: threads() });
  const sequence = context.getSequence();
  return {
    name: "llama.cpp",
    async make(prompt, tokens) {
      await sequence.clearHistory();
      const made: Made = { ids: [], at: [] };
      const started = performance.now();
      for await (const id of sequence.evaluate([...prompt], { temperature: 0, yieldEogToken: true })) {
        made.ids.push(id);
        made.at.push(performance.now() - started);
        if (made.ids.length === tokens) break;
      }
      return made;
    },
    close: () => llama.dispose(),
  };
}

/** @param peers the folder where `npm install @huggingface/transformers` was run */
export async function transformersJs(shape: Shape, form: Form, peers: string): Promise<Side> {
  const name = `bench-${shape.layers}x${shape.width}`;
  mkdirSync(path.join(peers, name, "onnx"), { recursive: true });
  const { vocabulary: vocab_size, context: n_positions, width: n_embd, layers: n_layer, heads: n_head } = shape;
  const config = {
    model_type: "gpt2",
    architectures: ["GPT2LMHeadModel"],
    vocab_size,
    n_positions,
    n_ctx: n_positions,
    n_embd,
    n_layer,
    n_head,
  };
  writeFileSync(path.join(peers, name, "config.json"), JSON.stringify(config));
  const [dtype, suffix] = { float32: ["fp32", ""], int8: ["q8", "_quantized"], int4: ["q4", "_q4"] }[form];
  writeOnnx(path.join(peers, name, "onnx", `model${suffix}.onnx`), benchNetwork(shape), form);
  const { AutoModelForCausalLM, Tensor, env } = await peer(peers, "@huggingface/transformers");
  Object.assign(env, { allowRemoteModels: false, localModelPath: peers });
  const model = await AutoModelForCausalLM.from_pretrained(name, {
    dtype,
    device: "cpu",
    model_file_name: "model",
    session_options: { intraOpNumThreads: threads() },
  });
  return {
    name: "transformers.js",
    async make(prompt, tokens) {
      const of = (values: number[]) => new Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
      const made: Made = { ids: [], at: [] };
      const started = performance.now();
      let first = true;
      const streamer = {
        put([ids]: bigint[][]) {
          // The prompt comes first.
          if (!first) for (const id of ids) made.ids.push(Number(id));
          if (!first) made.at.push(performance.now() - started);
          first = false;
        },
        end() {},
      };
      const inputs = { input_ids: of([...prompt]), attention_mask: of(prompt.map(() => 1)) };
      await model.generate({ ...inputs, max_new_tokens: tokens, do_sample: false, eos_token_id: -1, streamer });
      return made;
    },
    close: () => model.dispose(),
  };
}

function peer(folder: string, name: string) {
  return import(pathToFileURL(createRequire(path.join(folder, "package.json")).resolve(name)).href);
}
