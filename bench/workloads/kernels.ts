import { gradients } from "../../src/autodiff/gradient.ts";
import type { Shape } from "../../src/core/dtype.ts";
import { RandomStream } from "../../src/core/random.ts";
import { conv } from "../../src/graph/ops/conv.ts";
import { gather } from "../../src/graph/ops/gather.ts";
import { batchNorm, layerNorm } from "../../src/graph/ops/norm.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { adam } from "../../src/optim/adam.ts";
import { FlatUpdate } from "../../src/optim/apply.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { compile, type InputSpec } from "../../src/runtime/program.ts";
import type { Prepared, Workload } from "../harness/workload.ts";

/** One compiled function of random inputs. */
export function kernel(
  name: string,
  summary: string,
  inputs: Record<string, Shape>,
  build: (x: Record<string, Tensor>) => Record<string, Tensor>,
): Workload {
  return {
    name,
    summary,
    async prepare(): Promise<Prepared> {
      const backend = await openBackend({ device: "cpu" });
      const specs: Record<string, InputSpec> = {};
      for (const [key, shape] of Object.entries(inputs)) specs[key] = key === "ids" ? { shape, dtype: "int64" } : { shape };
      const program = await compile<string, string>(backend, build, { name, inputs: specs });
      const stream = new RandomStream(0, name);
      for (const [key, array] of Object.entries(program.inputs)) {
        if (key === "ids") for (let i = 0; i < array.length; i++) (array as BigInt64Array)[i] = BigInt(stream.below(10_000));
        else stream.fillNormal(array as Float32Array);
      }
      return {
        step: async () => {
          await program.run();
        },
        close: () => program.dispose(),
      };
    },
  };
}

const x: Shape = [32, 64, 32, 32];
const w: Shape = [64, 64, 3, 3];
const same = { padding: 1 };

/** Forward, and backward from a given gradient of the output. */
function backward(y: Tensor, dy: Tensor, wrt: Record<string, Tensor>): Record<string, Tensor> {
  const derived = gradients(y, Object.values(wrt), dy);
  return { y, ...Object.fromEntries(Object.keys(wrt).map((name, i) => [`d${name}`, derived[i]])) };
}

const adamWorkload: Workload = {
  name: "adam-10m",
  summary: "Adam update of 10 million parameters",
  async prepare(): Promise<Prepared> {
    const backend = await openBackend({ device: "cpu" });
    const parameters = new Float32Array(10_000_000);
    const gradient = new Float32Array(10_000_000);
    new RandomStream(0, "adam").fillNormal(gradient);
    const update = await FlatUpdate.create({ backend, optimizer: adam(), parameters, gradients: gradient });
    let t = 0;
    return { step: () => update.step(++t, 1e-3), close: () => update.dispose() };
  },
};

export const kernelWorkloads: readonly Workload[] = [
  kernel("matmul-1024", "1024 x 1024 x 1024", { a: [1024, 1024], b: [1024, 1024] }, ({ a, b }) => ({ y: a.matmul(b) })),
  kernel("matmul-256", "256 x 256 x 256", { a: [256, 256], b: [256, 256] }, ({ a, b }) => ({ y: a.matmul(b) })),
  kernel("conv-32x64x32x32-k3", "convolution 64 -> 64 channels, 3x3, batch 32, 32x32", { x, w }, (v) => ({ y: conv(v.x, v.w, same) })),
  kernel("conv-32x64x32x32-k3-input-gradient", "its input gradient", { dy: x, w, x }, (v) => ({
    dx: gradients(conv(v.x, v.w, same), [v.x], v.dy)[0],
  })),
  kernel("conv-32x64x32x32-k3-filter-gradient", "its filter gradient", { dy: x, x, w }, (v) => ({
    dw: gradients(conv(v.x, v.w, same), [v.w], v.dy)[0],
  })),
  kernel("batchnorm-32x64x32x32", "batch norm, forward and backward", { x, scale: [64], bias: [64], dy: x }, (v) =>
    backward(batchNorm(v.x, v.scale, v.bias, 1e-5).y, v.dy, { x: v.x, scale: v.scale, bias: v.bias }),
  ),
  kernel("layernorm-4096x384", "layer norm, forward and backward", { x: [4096, 384], scale: [384], bias: [384], dy: [4096, 384] }, (v) =>
    backward(layerNorm(v.x, v.scale, v.bias, 1e-5).y, v.dy, { x: v.x, scale: v.scale, bias: v.bias }),
  ),
  adamWorkload,
  kernel("softmax-6400x1000", "softmax over rows of 1,000", { x: [6400, 1000] }, (v) => ({ y: v.x.softmax() })),
  kernel(
    "embedding-10k-100-6400",
    "6,400 look-ups in a table of 10,000 x 100, forward and backward",
    { table: [10_000, 100], ids: [6400], dy: [6400, 100] },
    (v) => backward(gather(v.table, v.ids), v.dy, { table: v.table }),
  ),
];
