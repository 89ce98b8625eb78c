/** What turns pictures into features and scores: a network of the library's assets, a run, or a user's ONNX file. */
import { UsageError, unknownName } from "../core/errors.ts";
import type { ImageSet } from "../data/dataset.ts";
import { fitImages } from "../data/fit.ts";
import { Loader } from "../data/loader.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { FeatureSet } from "../metrics/index.ts";
import { type ModelRecord, pictureShape } from "../models/index.ts";
import { featureAssets, loadFeatures } from "../models/node/feature-assets.ts";
import type { Module } from "../nn/module.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";
import { type OnnxFeatureOptions, openOnnxFeatures } from "./onnx-features.ts";

/** A network that describes pictures. */
export interface FeatureExtractor {
  /** What distances are named after: `atelier-mnist`, or the file's name. */
  label: string;
  /** Features of every picture of a set, whatever its shape: pictures are fitted to the network's. */
  features(set: ImageSet): Promise<FeatureSet>;
  dispose(): Promise<void>;
}

/** A network that names what is in pictures. */
export interface PictureClassifier {
  label: string;
  /** [N, K], row-major: before softmax or sigmoid. */
  scores(set: ImageSet): Promise<Float32Array>;
  /** What the scores stand for, where that is known. */
  names: readonly string[] | undefined;
}

/** The library's own features for a data set, by its name without parameters; undefined where there are none. */
export function featuresFor(data: string): string | undefined {
  const [name] = data.split(":");
  return Object.hasOwn(featureAssets(), name) ? name : undefined;
}

/**
 * @param source a name of the library's assets, or a path that ends in `.onnx`
 * @throws UsageError for an unknown name; FileError, RuntimeError for a file that cannot be used
 */
export async function openExtractor(source: string, backend: Backend, options: OnnxFeatureOptions = {}): Promise<FeatureExtractor> {
  if (source.endsWith(".onnx")) return openOnnxFeatures(source, backend, options);
  const assets = Object.keys(featureAssets());
  if (!assets.includes(source)) throw unknownName("feature network", source, [...assets, "a file that ends in .onnx"]);
  const { name, config, network } = loadFeatures(source);
  const features = (set: ImageSet) =>
    apply(backend, set, config.image, `features of atelier-${name}`, (images) => network.features(images));
  return {
    label: `atelier-${name}`,
    features: async (set) => {
      const values = await features(set);
      return { values, count: set.count, size: values.length / set.count };
    },
    dispose: async () => undefined,
  };
}

/** One of the library's feature networks as a classifier. @throws UsageError for an unknown name */
export function assetClassifier(name: string, backend: Backend): PictureClassifier {
  const { config, network, outputs } = loadFeatures(name);
  return {
    label: `atelier-${name}`,
    scores: (set) => apply(backend, set, config.image, `atelier-${name} naming pictures`, (images) => network.call(images)),
    names: outputs,
  };
}

/** A trained run as a classifier. @throws UsageError when its model is none */
export function runClassifier(
  label: string,
  { record, config, network }: { record: ModelRecord; config: unknown; network: Module },
  backend: Backend,
): PictureClassifier {
  const { classify } = record;
  if (classify === undefined)
    throw new UsageError({ what: `The model "${record.name}" is no classifier.`, hint: "train one: atelier train cnn" });
  return {
    label,
    scores: (set) =>
      apply(backend, set, pictureShape(record, config), `${record.name} naming pictures`, (images) => classify(network, images)),
    names: undefined,
  };
}

/** Pictures a run. */
const BATCH = 200;

/** One row of numbers for each picture of a set, fitted to the shape that the function takes. [N, D], row-major */
async function apply(
  backend: Backend,
  set: ImageSet,
  shape: readonly [number, number, number],
  name: string,
  rowsOf: (images: Tensor) => Tensor,
): Promise<Float32Array> {
  const fitted = fitImages(set, shape);
  const batch = Math.min(BATCH, set.count);
  const program = await compile(backend, ({ images }) => ({ rows: rowsOf(images) }), {
    name,
    inputs: { images: { shape: [batch, ...shape] } },
  });
  const width = program.outputs.rows.length / batch;
  const result = new Float32Array(set.count * width);
  const target = { images: program.inputs.images as Float32Array };
  for (const { start, valid } of new Loader(fitted, { batch, dropLast: false }).evaluationBatches(target)) {
    const { rows } = await program.run();
    result.set((rows as Float32Array).subarray(0, valid * width), start * width);
  }
  await program.dispose();
  return result;
}
