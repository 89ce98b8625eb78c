/** A model's functions of pictures, points and codes, applied to any number of rows. */
import type { Tensor } from "../graph/tensor.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile, type InputSpec, type Program } from "../runtime/program.ts";

/** Rows that a program takes at once where there are several: small enough to stop between two runs, large enough to be quick. */
const BATCH = 16;

/** A function of rows [B, ...] and, where the model takes them, conditions [B, K]. */
export type RowFunction = (rows: Tensor, conditions: Tensor | undefined) => Tensor;

/** One function, with a program for a single row and one for many, each made when first used. The weights are baked in. */
export class Rows {
  readonly #backend: Backend;
  readonly #name: string;
  readonly #apply: RowFunction;
  readonly #shape: readonly number[];
  readonly #width: number;
  readonly #programs = new Map<number, Promise<Program<string, "out">>>();

  /**
   * @param shape of one row
   * @param width conditions of a row; 0 for none
   */
  constructor(backend: Backend, name: string, shape: readonly number[], width: number, apply: RowFunction) {
    this.#backend = backend;
    this.#name = name;
    this.#shape = shape;
    this.#width = width;
    this.#apply = apply;
  }

  /** Make the program for one row ahead of its first use. */
  async prepare(): Promise<void> {
    await this.#program(1);
  }

  /**
   * The function of `count` rows, one after the other.
   * @param between called between two runs; ends the work by throwing
   */
  async run(values: Float32Array, count: number, conditions?: Float32Array, between?: () => Promise<void>): Promise<Float32Array> {
    const batch = count === 1 ? 1 : BATCH;
    const program = await this.#program(batch);
    const { given, conditions: told } = program.inputs as Record<string, Float32Array | undefined>;
    const from = values.length / count;
    const each = program.outputs.out.length / batch;
    const result = new Float32Array(count * each);
    for (let start = 0; start < count; start += batch) {
      const valid = Math.min(batch, count - start);
      given!.set(values.subarray(start * from, (start + valid) * from));
      if (this.#width > 0) told?.set(conditions!.subarray(start * this.#width, (start + valid) * this.#width));
      const { out } = await program.run();
      result.set((out as Float32Array).subarray(0, valid * each), start * each);
      await between?.();
    }
    return result;
  }

  async dispose(): Promise<void> {
    for (const program of this.#programs.values()) await (await program).dispose();
    this.#programs.clear();
  }

  #program(batch: number): Promise<Program<string, "out">> {
    const known = this.#programs.get(batch);
    if (known !== undefined) return known;
    const inputs: Record<string, InputSpec> = { given: { shape: [batch, ...this.#shape] } };
    if (this.#width > 0) inputs.conditions = { shape: [batch, this.#width] };
    const made = compile<string, "out">(this.#backend, ({ given, conditions }) => ({ out: this.#apply(given, conditions) }), {
      name: this.#name,
      frozen: true,
      inputs,
    });
    this.#programs.set(batch, made);
    return made;
  }
}
