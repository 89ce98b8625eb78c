/** A trained run as a way to codes and back, whatever number of pictures comes. */
import { ShapeError } from "../../core/errors.ts";
import type { ImageSet } from "../../data/dataset.ts";
import { type BatchTarget, Loader } from "../../data/loader.ts";
import { type Pictures, pictureShape } from "../../models/index.ts";
import type { Backend } from "../../runtime/backend.ts";
import { compile, type InputSpec, type Program } from "../../runtime/program.ts";
import type { LoadedModel } from "../load.ts";

/** Codes [N, Z], row after row. */
export interface Codes {
  readonly data: Float32Array;
  readonly count: number;
  /** Z */
  readonly size: number;
}

type Work = "encode" | "decode" | "reconstruct";

/** The model's own functions, `batch` pictures at a time; programs are made when first used. The model must have the functions that are called. */
export class Codec {
  readonly model: LoadedModel;
  readonly #backend: Backend;
  readonly #batch: number;
  readonly #programs = new Map<Work, Program<string, "out">>();

  constructor(model: LoadedModel, backend: Backend, batch = 50) {
    this.model = model;
    this.#backend = backend;
    this.#batch = batch;
  }

  /** Codes of pictures; `conditions` [N, K] for models that take them. @throws ShapeError for pictures of another shape */
  async encode(pictures: Pictures, conditions?: Float32Array): Promise<Codes> {
    this.#requireShape(pictures);
    const { data, each } = await this.#run("encode", pictures.data, pictures.shape[0], conditions);
    return { data, count: pictures.shape[0], size: each };
  }

  /** Pictures of codes; `conditions` [N, K] for models that take them. */
  async decode(codes: Codes, conditions?: Float32Array): Promise<Pictures> {
    const { data } = await this.#run("decode", codes.data, codes.count, conditions);
    return { data, shape: [codes.count, ...this.#shape] };
  }

  /** Pictures as the model gives them back. @throws ShapeError for pictures of another shape */
  async reconstruct(pictures: Pictures, conditions?: Float32Array): Promise<Pictures> {
    this.#requireShape(pictures);
    const { data } = await this.#run("reconstruct", pictures.data, pictures.shape[0], conditions);
    return { data, shape: pictures.shape };
  }

  /** Codes of a whole set, with the conditions of its own pictures. */
  async encodeSet(set: ImageSet): Promise<Codes> {
    const program = await this.#program("encode", 0);
    const each = program.outputs.out.length / this.#batch;
    const data = new Float32Array(set.count * each);
    const target: BatchTarget = {
      images: program.inputs.given as Float32Array,
      conditions: this.#conditionCount === 0 ? undefined : (program.inputs.conditions as Float32Array),
    };
    for (const { start, valid } of new Loader(set, { batch: this.#batch, dropLast: false }).evaluationBatches(target)) {
      const { out } = await program.run();
      data.set((out as Float32Array).subarray(0, valid * each), start * each);
    }
    return { data, count: set.count, size: each };
  }

  /** Numbers in a code. */
  async codeSize(): Promise<number> {
    const { record, config } = this.model;
    const shape = record.codes?.(config);
    if (shape !== undefined) return shape.reduce((product, dim) => product * dim, 1);
    return (await this.#program("encode", 0)).outputs.out.length / this.#batch;
  }

  async dispose(): Promise<void> {
    for (const program of this.#programs.values()) await program.dispose();
    this.#programs.clear();
  }

  get #shape() {
    return pictureShape(this.model.record, this.model.config);
  }

  get #conditionCount(): number {
    return this.model.record.data.conditions?.(this.model.config) ?? 0;
  }

  #requireShape({ shape }: Pictures): void {
    if (shape.slice(1).join() === this.#shape.join()) return;
    throw new ShapeError({
      what: "The pictures do not have the model's shape.",
      got: shape.slice(1).join(" x "),
      expected: this.#shape.join(" x "),
    });
  }

  /** @param codeLength numbers in a code, for decoding */
  async #program(work: Work, codeLength: number): Promise<Program<string, "out">> {
    const known = this.#programs.get(work);
    if (known !== undefined) return known;
    const { record, network } = this.model;
    const call = record[work]!.bind(record);
    const shape = work === "decode" ? [this.#batch, codeLength] : [this.#batch, ...this.#shape];
    const inputs: Record<string, InputSpec> = { given: { shape } };
    if (this.#conditionCount > 0) inputs.conditions = { shape: [this.#batch, this.#conditionCount] };
    const program = await compile<string, "out">(this.#backend, ({ given, conditions }) => ({ out: call(network, given, conditions) }), {
      name: `${record.name}, ${work}`,
      inputs,
    });
    this.#programs.set(work, program);
    return program;
  }

  async #run(work: Work, values: Float32Array, count: number, conditions?: Float32Array): Promise<{ data: Float32Array; each: number }> {
    const from = values.length / count;
    const program = await this.#program(work, from);
    const { given, conditions: told } = program.inputs as Record<string, Float32Array | undefined>;
    const width = this.#conditionCount;
    if (width > 0 && conditions?.length !== count * width)
      throw new ShapeError({ what: `The model needs ${width} conditions a picture.`, got: `${conditions?.length ?? 0} for ${count}` });
    const each = program.outputs.out.length / this.#batch;
    const data = new Float32Array(count * each);
    for (let start = 0; start < count; start += this.#batch) {
      const valid = Math.min(this.#batch, count - start);
      given!.set(values.subarray(start * from, (start + valid) * from));
      told?.set(conditions!.subarray(start * width, (start + valid) * width));
      const { out } = await program.run();
      data.set((out as Float32Array).subarray(0, valid * each), start * each);
    }
    return { data, each };
  }
}
