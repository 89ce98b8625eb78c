import { collect } from "../graph/graph.ts";
import { input } from "../graph/ops/source.ts";
import { lower } from "../lower/lower.ts";
import type { Backend, Binding, Executable } from "../runtime/backend.ts";
import type { Range } from "./apply.ts";

/** The Euclidean norm of a flat gradient, for clipping by norm (Pascanu, Mikolov and Bengio 2013, Algorithm 1). */
export class GradientNorm {
  readonly #executable: Executable;
  readonly #binding: Binding;
  readonly #square: Float32Array;

  private constructor(executable: Executable, binding: Binding, square: Float32Array) {
    this.#executable = executable;
    this.#binding = binding;
    this.#square = square;
  }

  /**
   * Load the program that measures this array.
   * @param pieces the ranges of the vector that a device keeps as arrays of their own; only used with a device memory
   * @throws RuntimeError from the backend
   */
  static async create(backend: Backend, gradients: Float32Array, pieces?: readonly Range[]): Promise<GradientNorm> {
    const ranges = backend.memory === undefined || pieces === undefined ? [{ start: 0, end: gradients.length }] : pieces;
    const parts = ranges.map(({ start, end }, i) => [`gradient${i}`, gradients.subarray(start, end)] as const);
    const squares = parts.map(([name, part]) => input(name, [part.length])).map((g) => g.mul(g).sum());
    const graph = collect([{ name: "square", tensor: squares.reduce((a, b) => a.add(b)) }]);
    const kernels = backend.collectKernels?.();
    const executable = await backend.load(lower(graph, { target: backend.target, kernels }), {
      name: "gradient norm",
      optimize: "none",
      kernels,
    });
    const square = new Float32Array(1);
    return new GradientNorm(executable, executable.bind(Object.fromEntries(parts), { square }), square);
  }

  /** ‖g‖. */
  async norm(): Promise<number> {
    if (this.#binding.runSync !== undefined) this.#binding.runSync();
    else await this.#binding.run();
    return Math.sqrt(this.#square[0]);
  }

  /** Free the native session. */
  async dispose(): Promise<void> {
    this.#binding.dispose();
    await this.#executable.dispose();
  }
}

/** The factor that brings a gradient of this norm down to `limit` (torch.nn.utils.clip_grad_norm_: limit / (norm + 1e-6), at most 1). */
export function clipFactor(norm: number, limit: number): number {
  return Math.min(1, limit / (norm + 1e-6));
}
