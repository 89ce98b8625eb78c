import { RandomStream } from "../../core/random.ts";
import { linear } from "../../graph/ops/linalg.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { gelu } from "../../nn/activations.ts";
import { cachedAttention } from "../../nn/cached-attention.ts";
import type { Decoded, DecoderNetwork, DecoderPast, DecoderSizes } from "../../nn/decoder.ts";
import { Embedding } from "../../nn/embedding.ts";
import { normal } from "../../nn/init.ts";
import { Linear } from "../../nn/linear.ts";
import { Module } from "../../nn/module.ts";
import { LayerNorm } from "../../nn/norm.ts";

export interface TinyOptions {
  layers?: number;
  heads?: number;
  keyValueHeads?: number;
  headSize?: number;
  context?: number;
  vocabulary?: number;
  seed?: number;
  /** Deviation of the weights; larger ones give sharper predictions. Default 0.02, GPT-2's. */
  deviation?: number;
}

class Block extends Module {
  readonly norm: LayerNorm;
  readonly queries: Linear;
  readonly keysValues: Linear;
  readonly out: Linear;
  readonly norm2: LayerNorm;
  readonly up: Linear;
  readonly down: Linear;
  readonly sizes: DecoderSizes;

  constructor(sizes: DecoderSizes, rng: RandomStream, deviation: number) {
    super();
    const width = sizes.heads * sizes.headSize;
    const map = (from: number, to: number) => new Linear({ in: from, out: to, rng, init: normal(deviation) });
    this.sizes = sizes;
    this.norm = new LayerNorm({ width });
    this.queries = map(width, width);
    this.keysValues = map(width, 2 * sizes.keyValueHeads * sizes.headSize);
    this.out = map(width, width);
    this.norm2 = new LayerNorm({ width });
    this.up = map(width, 4 * width);
    this.down = map(4 * width, width);
  }

  call(x: Tensor, past: DecoderPast | undefined, layer: number): { x: Tensor; k: Tensor; v: Tensor } {
    const { heads: H, keyValueHeads: K, headSize: D } = this.sizes;
    const [B, T, C] = x.dims("B T C");
    const split = (t: Tensor, count: number) => t.reshape([B, T, count, D]).transpose([0, 2, 1, 3]);
    const h = this.norm.call(x);
    const q = split(this.queries.call(h), H);
    const kv = this.keysValues.call(h);
    const k = split(kv.slice(2, 0, K * D), K);
    const v = split(kv.slice(2, K * D, 2 * K * D), K);
    const attended = cachedAttention(q, k, v, past, layer).transpose([0, 2, 1, 3]).reshape([B, T, C]);
    const y = x.add(this.out.call(attended));
    return { x: y.add(this.down.call(gelu(this.up.call(this.norm2.call(y))))), k, v };
  }
}

/** A GPT of any size with random weights, for tests and benchmarks: learned positions, tied head. */
export class TinyDecoder extends Module implements DecoderNetwork {
  readonly decoder: DecoderSizes;
  readonly tokens: Embedding;
  readonly positions: Embedding;
  readonly blocks: Block[];
  readonly norm: LayerNorm;

  constructor(options: TinyOptions = {}) {
    super();
    const {
      layers = 2,
      heads = 4,
      keyValueHeads = heads,
      headSize = 8,
      context = 64,
      vocabulary = 61,
      seed = 1,
      deviation = 0.02,
    } = options;
    const rng = new RandomStream(seed, "init");
    const width = heads * headSize;
    this.decoder = { layers, heads, keyValueHeads, headSize, context, vocabulary };
    this.tokens = new Embedding({ count: vocabulary, width, rng, init: normal(deviation) });
    this.positions = new Embedding({ count: context, width, rng, init: normal(deviation) });
    this.blocks = Array.from({ length: layers }, () => new Block(this.decoder, rng, deviation));
    this.norm = new LayerNorm({ width });
  }

  decode(tokens: Tensor, positions: Tensor, past?: DecoderPast): Decoded {
    let x = this.tokens.call(tokens).add(this.positions.call(positions));
    const keys: Tensor[] = [];
    const values: Tensor[] = [];
    this.blocks.forEach((block, layer) => {
      const made = block.call(x, past, layer);
      x = made.x;
      keys.push(made.k);
      values.push(made.v);
    });
    const hidden = this.norm.call(x);
    return { logits: this.logitsOf(hidden), keys, values, hidden };
  }

  logitsOf(hidden: Tensor): Tensor {
    return linear(hidden, this.tokens.weight);
  }
}
