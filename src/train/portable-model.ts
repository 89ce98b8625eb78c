import { allocate, sizeOf } from "../core/dtype.ts";
import { type ImageShape, isPoint } from "../data/dataset.ts";
import { isWindow } from "../data/token-set.ts";
import { probes } from "../lower/free-batch.ts";
import { type ModelRecord, numericShape, type Pictures, pictureShape, type SampleContext, textShape } from "../models/model.ts";
import type { Module } from "../nn/module.ts";
import { type ExportBuild, type ExportedGraph, type ExportOptions, exportFunction, type FileNotes } from "../pretrained/onnx-export.ts";
import type { Build, CompileOptions, InputSpec } from "../runtime/program.ts";

/** A model of the garden, and what its files shall say and hold. */
export interface PortableModelOptions extends FileNotes, Pick<ExportOptions<string>, "fixedBatch"> {
  record: ModelRecord;
  config: unknown;
  network: Module;
}

const docs = {
  images: "pictures, intensity in [0, 1]",
  points: "points, in the data's own units",
  reconstructions: "the pictures or points as the model gives them back; intensity in [0, 1]",
  pictures: "fresh pictures, intensity in [0, 1], or points",
  codes: "codes of pictures",
  conditions: "what is known of each picture: its class as one-hot, or its attributes as 0 and 1",
  logDensity: "log p of points, nats",
  scores: "class scores before the softmax, a column a class",
  tokens: "ids of a text's tokens",
  logits: "scores of the token after each, before the softmax, a column a token of the vocabulary",
};

/**
 * What a trained model can do, each as one inference graph with its weights inside: `logits` for models of text, else `classify`, `encode`, `decode`, `reconstruct`, and `sample` (or
 * `sample-1`, `sample-2` ... where sampling runs several programs), whose inputs `random:*` are to be filled with standard normal or uniform numbers.
 * @throws as `exportFunction`
 */
export async function exportModel(options: PortableModelOptions): Promise<Map<string, ExportedGraph>> {
  const { record, config, network } = options;
  const files = new Map<string, ExportedGraph>();
  const size = record.data.conditions?.(config);
  // What is known of each picture, for models that take it.
  const known = (batch: number): Record<string, InputSpec> => (size === undefined ? {} : { conditions: { shape: [batch, size] } });
  const text = textShape(record, config);
  if (text !== undefined) return textFunctions(options, isWindow(text) ? text.tokens : text.target);
  const shape = numericShape(record, config);
  const kind = isPoint(shape) ? "points" : "images";
  const examples = (batch: number): Record<string, InputSpec> => ({ [kind]: { shape: [batch, ...shape] }, ...known(batch) });
  const add = (name: string, build: ExportBuild<string, string>, inputs: (batch: number) => Record<string, InputSpec>) => {
    const metadata = { ...options.metadata, function: name };
    files.set(name, exportFunction(build, { ...options, network, inputs, docs: { ...docs, ...options.docs }, metadata }));
  };
  const { classify, encode, decode, reconstruct, logDensity } = record;
  if (classify) {
    add(
      "classify",
      (inputs) => ({ scores: classify(network, inputs[kind]) }),
      (batch) => ({ [kind]: examples(batch)[kind] }),
    );
  }
  if (encode) add("encode", (inputs) => ({ codes: encode(network, inputs[kind], inputs.conditions) }), examples);
  const code = record.codes?.(config) ?? files.get("encode")?.outputs[0].shape.slice(1);
  if (decode && code) {
    add(
      "decode",
      ({ codes, conditions }) => ({ [kind]: decode(network, codes, conditions) }),
      (batch) => ({ codes: { shape: [batch, ...(code as number[])] }, ...known(batch) }),
    );
  }
  if (reconstruct) add("reconstruct", (inputs) => ({ reconstructions: reconstruct(network, inputs[kind], inputs.conditions) }), examples);
  if (logDensity && isPoint(shape))
    add("logDensity", (inputs) => ({ logDensity: logDensity(network, inputs[kind], inputs.conditions) }), examples);
  const programs = await samplePrograms(options);
  programs.forEach((program, i) => {
    add(
      programs.length === 1 ? "sample" : `sample-${i + 1}`,
      (symbols, trace, batch) => program.get(batch)!.build(symbols, trace),
      (batch) => program.get(batch)!.inputs,
    );
  });
  return files;
}

/** What a language model can do: scores of the next token after each of T. */
function textFunctions({ record, network, ...options }: PortableModelOptions, tokens: number): Map<string, ExportedGraph> {
  const { logits } = record;
  if (logits === undefined) return new Map();
  const build: ExportBuild<string, string> = (inputs) => ({ logits: logits(network, inputs.tokens) });
  const inputs = (batch: number): Record<string, InputSpec> => ({ tokens: { shape: [batch, tokens], dtype: "int32" } });
  const metadata = { ...options.metadata, function: "logits" };
  return new Map([["logits", exportFunction(build, { ...options, network, inputs, docs: { ...docs, ...options.docs }, metadata })]]);
}

interface SampleProgram {
  build: Build<string, string>;
  inputs: Record<string, InputSpec>;
}

/** Thrown by a recorded program that is run: what is compiled later depends on numbers. */
class RecordingEnds extends Error {}

/** The programs that a model compiles to sample, for each batch size that an export looks at. */
async function samplePrograms({ record, config, network, fixedBatch = 1 }: PortableModelOptions): Promise<Map<number, SampleProgram>[]> {
  const programs: Map<number, SampleProgram>[] = [];
  if (record.sample === undefined) return programs;
  for (const count of new Set([...probes, fixedBatch])) {
    let seen = 0;
    const compile = async (build: Build<string, string>, options: CompileOptions = {}) => {
      const inputs: Record<string, InputSpec> = options.inputs ?? {};
      programs[seen] ??= new Map();
      programs[seen++].set(count, { build, inputs });
      return recordedProgram(inputs);
    };
    try {
      const from = record.starts === "needs" ? blank(count, pictureShape(record, config)) : undefined;
      const options = record.sampling?.parse({}) ?? {};
      for await (const _ of record.sample(network, { count, from, options, compile: compile as unknown as SampleContext["compile"] }));
    } catch (error) {
      if (!(error instanceof RecordingEnds)) throw error;
    }
  }
  return programs;
}

/** Black pictures [count, C, H, W], for models that start from some. */
function blank(count: number, shape: ImageShape): Pictures {
  return { data: new Float32Array(count * sizeOf(shape)), shape: [count, ...shape] };
}

/** Stands where a program would: its inputs can be written, and it cannot be run. */
function recordedProgram(inputs: Readonly<Record<string, InputSpec>>) {
  const arrays = Object.entries(inputs).map(([name, { shape, dtype = "float32" }]) => [name, allocate(dtype, sizeOf(shape))]);
  const run = () => Promise.reject(new RecordingEnds());
  return { inputs: Object.fromEntries(arrays), outputs: {}, run, dispose: () => Promise.resolve() };
}
