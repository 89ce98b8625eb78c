/** Sequence to sequence at work: what a model offers for it, and the loop that writes many targets side by side, greedily or with beams. */
import { z } from "zod";
import { UsageError } from "../core/errors.ts";
import { type Beam, beamSearch } from "../generation/beam.ts";
import { gather } from "../graph/ops/gather.ts";
import { constant } from "../graph/ops/source.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Module } from "../nn/module.ts";
import type { InputSpec, Program } from "../runtime/program.ts";
import { Lockstep } from "./lockstep.ts";
import type { SampleContext } from "./model.ts";

type Named = Readonly<Record<string, Tensor>>;

/** How a model of pairs writes targets token by token. */
export interface Translation<N = Module> {
  /**
   * Read sources [B, S] int32, padded with 0: arrays that all steps look at, and the ones that are carried from step to step, [B, ...] float32 each.
   * @param length the most steps that will follow
   */
  begin(network: N, source: Tensor, length: number): { memory: Named; state: Named };
  /** One token more: scores of the next one [B, V], what is carried on, and where in the source it looked [B, S]. */
  step(network: N, given: TranslationStep): { logits: Tensor; state: Named; weights: Tensor };
}

export interface TranslationStep {
  /** [B] int32: the token before. */
  readonly tokens: Tensor;
  /** [1] int32: how many tokens came before it, the same for all. */
  readonly position: Tensor;
  readonly memory: Named;
  readonly state: Named;
}

/** How targets are written: what a record of pairs has as its `sampling`. */
export const translationSampling = z.strictObject({
  beams: z.int().min(1).max(100).default(5).describe("targets carried on side by side; 1 takes the likeliest token each time"),
  lengthPenalty: z
    .number()
    .min(-10)
    .max(10)
    .default(1)
    .describe("a target's log-probability is divided by its length to this power; above 0 favours longer ones"),
});
export type TranslationSampling = z.infer<typeof translationSampling>;

export interface TranslatorOptions extends Partial<TranslationSampling> {
  network: Module;
  translation: Translation;
  compile: SampleContext["compile"];
  /** The tokens that begin and end a target. */
  begin: number;
  end: number;
  /** Sources at once. */
  batch: number;
  /** S, the longest source, its end token included. */
  sourceLength: number;
  /** The most tokens of a target, its end token included. */
  maxLength: number;
  /** Ids that no token of the targets has: they are never written. */
  unused?: readonly number[] | undefined;
}

/** Where the writing of a target looked: [T, S], one row a token, its end token included. */
export interface Alignment {
  readonly weights: Float32Array;
  readonly shape: readonly [target: number, source: number];
}

const PAD = 0;

/** A model of pairs, ready to write. Two programs, whatever the lengths: one reads, one makes a step. */
export class Translator {
  readonly options: TranslatorOptions & TranslationSampling;
  readonly #reader: Program;
  readonly #stepper: Program;

  private constructor(options: Translator["options"], reader: Program, stepper: Program) {
    this.options = options;
    this.#reader = reader;
    this.#stepper = stepper;
  }

  /** Trace and load both programs. @throws UsageError for beams or a length penalty out of range */
  static async open(given: TranslatorOptions): Promise<Translator> {
    const { beams, lengthPenalty } = given;
    const options = { ...given, ...translationSampling.parse({ beams, lengthPenalty }) };
    const { network, translation, batch, sourceLength, maxLength, begin, unused = [] } = options;
    const rows = batch * options.beams;
    const inputs: Record<string, InputSpec> = {
      tokens: { shape: [rows], dtype: "int32" },
      parents: { shape: [rows], dtype: "int32" },
      position: { shape: [1], dtype: "int32" },
    };
    const repeated = constant(
      Array.from({ length: rows }, (_, row) => Math.floor(row / options.beams)),
      "int64",
    );
    const reader = await options.compile<string, string>(
      ({ source }) => {
        const { memory, state } = translation.begin(network, source, maxLength);
        const outputs: Record<string, Tensor> = {};
        for (const [kind, arrays] of Object.entries({ memory, state })) {
          for (const [name, tensor] of Object.entries(arrays)) {
            outputs[`${kind}:${name}`] = options.beams === 1 ? tensor : gather(tensor, repeated, 0);
            inputs[`${kind}:${name}`] = { shape: [rows, ...tensor.shape.slice(1)] };
          }
        }
        return outputs;
      },
      { inputs: { source: { shape: [batch, sourceLength], dtype: "int32" } } },
    );
    const stepper = await options.compile<string, string>(
      ({ tokens, parents, position, ...arrays }) => {
        const of = (kind: string, change: (tensor: Tensor) => Tensor = (tensor) => tensor): Named =>
          Object.fromEntries(
            Object.entries(arrays)
              .filter(([name]) => name.startsWith(kind))
              .map(([name, tensor]) => [name.slice(kind.length), change(tensor)]),
          );
        const state = of("state:", (tensor) => gather(tensor, parents, 0));
        const { logits, state: after, weights } = translation.step(network, { tokens, position, memory: of("memory:"), state });
        const banned = new Float32Array(logits.shape[1]);
        for (const id of [PAD, begin, ...unused]) banned[id] = -1e30;
        const carried = Object.entries(after).map(([name, tensor]) => [`after:${name}`, tensor] as const);
        return { scores: logits.add(constant(banned)).logSoftmax(), weights, ...Object.fromEntries(carried) };
      },
      { inputs },
    );
    return new Translator(options, reader, stepper);
  }

  /**
   * The targets that the model gives each source, likeliest first, with their end token where they have one. Sources are ids with their end token.
   * @throws UsageError for a source that is empty or longer than the translator was opened for
   */
  async translate(sources: readonly ArrayLike<number>[], onProgress?: (done: number) => void): Promise<Beam[][]> {
    const { batch, beams, lengthPenalty, maxLength, end, begin } = this.options;
    const found: Beam[][] = [];
    for (let first = 0; first < sources.length; first += batch) {
      const some = sources.slice(first, first + batch);
      await this.#read(some);
      let position = 0;
      const lockstep = new Lockstep(batch, beams, begin, (tokens, parents) => this.#step(tokens, parents, position++));
      // Rows without a source of their own are over at once.
      for (let i = some.length; i < batch; i++) lockstep.leave();
      const search = async (i: number) => {
        const step = (tokens: Int32Array, parents: Int32Array) => lockstep.step(i, tokens, parents);
        return await beamSearch({ step, beams, endToken: end, maxLength, lengthPenalty }).finally(() => lockstep.leave());
      };
      found.push(...(await Promise.all(some.map((_, i) => search(i)))));
      onProgress?.(found.length);
    }
    return found;
  }

  /** Where the model looks while it writes a given target (ids with the end token). @throws UsageError as {@link translate}, and for a target that is too long */
  async align(source: ArrayLike<number>, target: ArrayLike<number>): Promise<Alignment> {
    const { batch, beams, begin, maxLength, sourceLength } = this.options;
    if (target.length > maxLength)
      throw new UsageError({ what: "The target is too long.", got: `${target.length} tokens`, expected: `at most ${maxLength}` });
    await this.#read([source]);
    const weights = new Float32Array(target.length * source.length);
    const own = Int32Array.from({ length: batch * beams }, (_, row) => row);
    const tokens = new Int32Array(batch * beams);
    for (let at = 0; at < target.length; at++) {
      await this.#step(tokens.fill(at === 0 ? begin : target[at - 1]), own, at);
      const looked = this.#stepper.outputs.weights as Float32Array;
      weights.set(looked.subarray(0, Math.min(source.length, sourceLength)), at * source.length);
    }
    return { weights, shape: [target.length, source.length] };
  }

  /** Free the programs. */
  async close(): Promise<void> {
    await this.#reader.dispose();
    await this.#stepper.dispose();
  }

  async #read(sources: readonly ArrayLike<number>[]): Promise<void> {
    const { batch, sourceLength } = this.options;
    const ids = this.#reader.inputs.source as Int32Array;
    ids.fill(PAD);
    for (let i = 0; i < batch; i++) {
      const source = sources[Math.min(i, sources.length - 1)];
      if (source.length < 1 || source.length > sourceLength)
        throw new UsageError({ what: "A source does not fit.", got: `${source.length} tokens`, expected: `1 to ${sourceLength}` });
      ids.set(Array.from(source), i * sourceLength);
    }
    const outputs = await this.#reader.run();
    for (const name of Object.keys(outputs)) (this.#stepper.inputs[name] as Float32Array).set(outputs[name] as Float32Array);
  }

  async #step(tokens: Int32Array, parents: Int32Array, position: number): Promise<Float32Array> {
    const { inputs } = this.#stepper;
    (inputs.tokens as Int32Array).set(tokens);
    (inputs.parents as Int32Array).set(parents);
    (inputs.position as Int32Array)[0] = position;
    const outputs = await this.#stepper.run();
    for (const name of Object.keys(outputs))
      if (name.startsWith("after:")) (inputs[`state:${name.slice(6)}`] as Float32Array).set(outputs[name] as Float32Array);
    return outputs.scores as Float32Array;
  }
}
