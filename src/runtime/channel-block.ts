import { collect } from "../graph/graph.ts";
import { conv } from "../graph/ops/conv.ts";
import { input } from "../graph/ops/source.ts";
import { lower } from "../lower/lower.ts";
import type { Backend } from "./backend.ts";
import { interpret } from "./interpreter.ts";

/** Block sizes that ONNX Runtime's kernels have: 16 with AVX-512, 8 otherwise. */
const candidates = [16, 8];

/**
 * The block size of the runtime's blocked convolution layout (NCHWc) on this processor. The kernels do not tell it, so it is found by trying: a wrong
 * one gives wrong numbers, a runtime without the layout refuses the model.
 * @returns channels in a block, or 0 where the layout cannot be used
 */
export async function findChannelBlock(backend: Backend): Promise<number> {
  for (const block of candidates) if (await gives(backend, block)) return block;
  return 0;
}

async function gives(backend: Backend, channelBlock: number): Promise<boolean> {
  const x = input("x", [1, 32, 3, 3]);
  const w = input("w", [32, 32, 2, 2]);
  const graph = collect([{ name: "y", tensor: conv(x, w) }]);
  const feeds = { x: ramp(x.size), w: ramp(w.size) };
  const y = new Float32Array(32 * 2 * 2);
  try {
    const executable = await backend.load(lower(graph, { target: backend.target, channelBlock }), {
      name: "channel block",
      optimize: "none",
    });
    const binding = executable.bind(feeds, { y });
    await binding.run();
    binding.dispose();
    await executable.dispose();
  } catch {
    return false;
  }
  const expected = interpret(graph, feeds).y.data;
  return y.every((value, i) => Math.abs(value - expected[i]) < 1e-3);
}

/** Different numbers everywhere, so that any mix-up of channels shows. */
function ramp(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => ((i * 0.618034) % 1) - 0.5);
}
