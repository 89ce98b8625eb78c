/** Features by a network that the user has as an ONNX file, such as the pooled layer of Inception v3. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileError, unknownName } from "../core/errors.ts";
import { fileError } from "../core/node/files.ts";
import type { ImageSet } from "../data/dataset.ts";
import { fitImages } from "../data/fit.ts";
import { Loader } from "../data/loader.ts";
import { ModelProtoSchema } from "../lower/onnx_pb.ts";
import type { FeatureSet } from "../metrics/index.ts";
import type { Backend, Executable } from "../runtime/backend.ts";
import type { FeatureExtractor } from "./features.ts";

/** What intensities x in [0, 1] become: a · x + b for each channel. */
export const featureRanges = {
  /** [0, 1] */
  unit: { scale: [1, 1, 1], shift: [0, 0, 0] },
  /** [-1, 1], which Inception v3 was trained on. */
  symmetric: { scale: [2, 2, 2], shift: [-1, -1, -1] },
  /** [0, 255] */
  bytes: { scale: [255, 255, 255], shift: [0, 0, 0] },
  /** Less ImageNet's mean, divided by its standard deviation, as torchvision's networks take it. */
  imagenet: {
    scale: [1 / 0.229, 1 / 0.224, 1 / 0.225],
    shift: [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225],
  },
} as const;

export interface OnnxFeatureOptions {
  /** Height and width that pictures are scaled to where the file leaves them free. Default 299. */
  side?: number | undefined;
  /** Default `symmetric`. */
  range?: keyof typeof featureRanges | undefined;
}

const DEFAULT_SIDE = 299;
const BATCH = 32;

/**
 * Open an ONNX file with one float32 input [N, 3, H, W] and an output [N, D] (or [N, D, 1, 1]), the first of that form. Pictures are brought to its size
 * (linear when they grow, area averages when they shrink, rounded to 256 levels) and to the range that the options name.
 * @throws FileError when it cannot be read or is not of that form; RuntimeError when the runtime refuses it
 */
export async function openOnnxFeatures(file: string, backend: Backend, options: OnnxFeatureOptions = {}): Promise<FeatureExtractor> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw fileError(error, "The feature network's file cannot be read.", file);
  });
  const range = featureRanges[options.range ?? "symmetric"];
  if (range === undefined) throw unknownName("range of values", String(options.range), Object.keys(featureRanges));
  const load = (model: Uint8Array) => backend.load(model, { name: path.basename(file), optimize: "all" });
  let executable = await load(new Uint8Array(bytes));
  const form = formOf(executable, file, options);
  if (executable.inputs[0].shape.filter((dim) => dim === -1).length > 1) {
    await executable.dispose();
    executable = await load(fixInput(new Uint8Array(bytes), form));
  }
  return {
    label: path.basename(file),
    features: (set) => extract(executable, form, range, set),
    dispose: () => executable.dispose(),
  };
}

/** The same model with the sizes of its input fixed: an array's length can only settle one that is free. */
function fixInput(bytes: Uint8Array, { input, batch, shape }: Form): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  const type = model.graph?.input.find(({ name }) => name === input)?.type?.value;
  if (type?.case === "tensorType") {
    type.value.shape!.dim.forEach((dim, axis) => {
      dim.value = { case: "dimValue", value: BigInt([batch, ...shape][axis]) };
    });
  }
  return toBinary(ModelProtoSchema, model);
}

interface Form {
  input: string;
  output: string;
  batch: number;
  shape: readonly [3, number, number];
  /** D */
  size: number;
}

function formOf({ inputs, outputs }: Executable, file: string, { side }: OnnxFeatureOptions): Form {
  const [input] = inputs;
  const output = outputs.find(({ dtype, shape: [, size, ...rest] }) => dtype === "float32" && size > 0 && rest.every((dim) => dim === 1));
  const [batch, channels, height, width] = input?.shape ?? [];
  if (
    inputs.length !== 1 ||
    input.dtype !== "float32" ||
    input.shape.length !== 4 ||
    Math.abs(channels) !== (channels === -1 ? 1 : 3) ||
    output === undefined
  ) {
    const told = (values: Executable["inputs"]) => values.map(({ dtype, shape }) => `${dtype} [${shape.join(", ")}]`).join("; ");
    throw new FileError({
      what: "The ONNX file is no feature network.",
      where: file,
      got: `inputs ${told(inputs)}, outputs ${told(outputs)}`,
      expected: "one input float32 [N, 3, H, W] and an output float32 [N, D]",
      hint: "export the network up to its last pooled layer",
    });
  }
  const sizeOr = (dim: number) => (dim > 0 ? dim : (side ?? DEFAULT_SIDE));
  return {
    input: input.name,
    output: output.name,
    batch: batch > 0 ? batch : BATCH,
    shape: [3, sizeOr(height), sizeOr(width)],
    size: output.shape[1],
  };
}

async function extract(
  executable: Executable,
  { input, output, batch, shape, size }: Form,
  { scale, shift }: (typeof featureRanges)[keyof typeof featureRanges],
  set: ImageSet,
): Promise<FeatureSet> {
  const area = shape[1] * shape[2];
  const images = new Float32Array(batch * 3 * area);
  const rows = new Float32Array(batch * size);
  const values = new Float32Array(set.count * size);
  const binding = executable.bind({ [input]: images }, { [output]: rows });
  try {
    // A batch at a time is scaled: a whole set of 299 x 299 pixels would not fit into memory.
    for (let start = 0; start < set.count; start += batch) {
      const part = fitImages(slice(set, start, Math.min(batch, set.count - start)), shape);
      new Loader(part, { batch, shuffle: false, dropLast: false }).fill({ images });
      for (let i = 0; i < images.length; i++) {
        const channel = Math.floor(i / area) % 3;
        images[i] = images[i] * scale[channel] + shift[channel];
      }
      await binding.run();
      values.set(rows.subarray(0, part.count * size), start * size);
    }
  } finally {
    binding.dispose();
  }
  return { values, count: set.count, size };
}

/** Some pictures of a set, without copying. */
function slice(set: ImageSet, start: number, count: number): ImageSet {
  const { kind, card, split, shape, images } = set;
  const size = images.length / set.count;
  return { kind, card, split, shape, images: images.subarray(start * size, (start + count) * size), count };
}
