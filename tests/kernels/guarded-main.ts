import { gradients } from "../../src/autodiff/gradient.ts";
import { RandomStream } from "../../src/core/random.ts";
import { collect } from "../../src/graph/graph.ts";
import type { KernelRequest, KernelSource } from "../../src/graph/onnx.ts";
import { sum } from "../../src/graph/ops/reduce.ts";
import { input } from "../../src/graph/ops/source.ts";
import { lower } from "../../src/lower/lower.ts";
import { KernelSet } from "../../src/native/index.ts";
import { GRU, LSTM, RNN } from "../../src/nn/recurrent.ts";
import { runGuarded } from "./guarded.ts";
import { convolution, randomConvolution } from "./reference.ts";

// Run by guarded.test.ts in a process of its own: it dies when a kernel touches what is not its own. The last line names the case.

const random = new RandomStream(1, "guarded kernels");
const upTo = (most: number) => 1 + Math.floor(random.uniform() * most);
const pick = <T>(list: readonly T[]): T => list[upTo(list.length) - 1];
const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

function normal(count: number): Float32Array {
  const values = new Float32Array(count);
  random.fillNormal(values);
  return values;
}

let made = 0;
function check(name: string, request: KernelRequest, inputs: readonly Float32Array[], outputs: number, expected?: Float32Array): void {
  process.stdout.write(`${name} ${JSON.stringify(request.settings)}\n`);
  const results = runGuarded(request, inputs, outputs);
  if (results === undefined) return;
  made++;
  if (!results.every((values) => values.every(Number.isFinite)))
    throw new Error("not every number was written, or one was read that was not");
  if (expected === undefined) return;
  const scale = expected.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-6);
  const error = expected.reduce((most, v, i) => Math.max(most, Math.abs(v - results[0][i]) / scale), 0);
  if (error > 1e-5) throw new Error(`off by ${error}`);
}

function convolutions(count: number): void {
  for (let i = 0; i < count; i++) {
    const sizes = randomConvolution(upTo, pick);
    const { pictures, channels, height, width, outChannels, outHeight, outWidth, kernel, groups } = sizes;
    const x = normal(pictures * channels * height * width);
    const w = normal(((outChannels * channels) / groups) * size(kernel));
    const b = normal(outChannels);
    const dy = normal(pictures * outChannels * outHeight * outWidth);
    const expected = convolution(sizes, x, w, b, dy);
    check("conv", { kernel: "conv", settings: { ...sizes, bias: true } }, [x, w, b], 1, expected.y);
    check("convInput", { kernel: "convInput", settings: { ...sizes } }, [dy, w], 1, expected.dx);
    check("convFilter", { kernel: "convFilter", settings: { ...sizes } }, [x, dy], 1, expected.dw);
  }
}

/** Chains over one to three axes with any mixture of operands, stores and sums. */
function chains(count: number): void {
  for (let i = 0; i < count; i++) {
    const axes = Array.from({ length: upTo(3) }, () => upTo(pick([3, 20, 70, 150])));
    const all = (1 << axes.length) - 1;
    const inputs = Array.from({ length: upTo(4) }, () => pick([all, all, upTo(all + 1) - 1]));
    const steps = Array.from({ length: upTo(6) }, (_, s) => {
      const operand = () => (s > 0 && random.uniform() < 0.6 ? inputs.length + upTo(s) - 1 : upTo(inputs.length) - 1);
      const op = pick(["add", "mul", "sub", "maximum", "tanh", "sigmoid", "softplus", "relu", "step"]);
      const binary = ["add", "mul", "sub", "maximum"].includes(op);
      return { op, operands: binary ? [operand(), operand()] : [operand()], attrs: {} };
    });
    const last = inputs.length + steps.length - 1;
    const reduced = pick([0, upTo(all)]);
    const kept = axes.filter((_, axis) => ((reduced >> axis) & 1) === 0);
    const stores = reduced === 0 || random.uniform() < 0.5 ? [{ value: last, shape: axes }] : [];
    const sums = reduced === 0 ? [] : [last, pick([last, inputs.length])].map((value) => ({ value, shape: kept }));
    const values = inputs.map((pattern) => normal(size(axes.filter((_, axis) => (pattern >> axis) & 1))));
    check("fused", { kernel: "fused", settings: { axes, inputs, steps, stores, sums, reduced } }, values, stores.length + sums.length);
  }
}

/** Keeps what a graph's lowering asks for. */
class Recorder implements KernelSource {
  readonly elementwise = new Set<string>();
  readonly heavy = false;
  readonly requests: KernelRequest[] = [];
  readonly #kernels = new KernelSet(1);

  find(request: KernelRequest) {
    if (request.kernel !== "recurrence") return undefined;
    this.requests.push(request);
    return this.#kernels.find(request);
  }
}

interface Widths {
  rows: number;
  steps: number;
  carries: number[];
  slices: { width: number; fixed: boolean }[];
  vectors: number[];
  matrices: number[][];
  stacks: number[];
}

function recurrences(): void {
  for (const [batch, hidden, steps] of [
    [6, 37, 9],
    [7, 5, 8],
    [1, 16, 12],
    [66, 20, 8],
    [4, 64, 9],
  ]) {
    const options = { in: 11, hidden, rng: random };
    for (const layer of [new LSTM(options), new GRU(options), new RNN(options), new RNN({ ...options, bidirectional: true })]) {
      const x = input("x", [batch, steps, 11]);
      const output = layer.call(x).outputs;
      const dx = gradients(sum(output.mul(output)), [x]);
      const recorder = new Recorder();
      lower(collect([output, ...dx].map((tensor, i) => ({ name: `y${i}`, tensor }))), { target: "cpu", kernels: recorder });
      for (const request of recorder.requests) {
        const s = request.settings as unknown as Widths;
        const inputs = [
          ...s.carries.map((width) => s.rows * width),
          ...s.slices.map(({ width, fixed }) => (fixed ? 1 : s.steps) * s.rows * width),
          ...s.vectors,
          ...s.matrices.map(size),
        ];
        check(
          "recurrence",
          request,
          inputs.map((count) => normal(count).map((v) => v / 8)),
          s.carries.length + s.stacks.length,
        );
      }
    }
  }
}

convolutions(Number(process.argv[2] ?? 60));
chains(Number(process.argv[3] ?? 200));
recurrences();
process.stdout.write(`${made} kernels kept to their tensors\n`);
