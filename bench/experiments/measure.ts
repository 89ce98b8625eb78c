// Pictures of a file against a data set: the measures of `atelier evaluate`, for samples that any program wrote.
import { UsageError } from "../../src/core/errors.ts";
import { RandomStream } from "../../src/core/random.ts";
import type { ImageSet } from "../../src/data/dataset.ts";
import { loadDataset } from "../../src/data/node/load.ts";
import { coverage, type FeatureSet, frechetDistance, kernelDistance, kernelSums, labelAccuracy } from "../../src/metrics/index.ts";
import { classConditions } from "../../src/runs/conditions.ts";
import { assetClassifier, featuresFor, openExtractor } from "../../src/runs/features.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import type { BytePictures } from "./npy.ts";

/** What samples are measured by. */
export interface Distances {
  samples: number;
  /** Fréchet distance to the held-out pictures on the library's features, and its standard error. */
  fd: number;
  fdError: number;
  /** Kernel distance, unbiased. */
  kd: number;
  kdError: number;
  /** Samples by class, as the library's classifier names them, and how many classes have at least one in a hundred. */
  counts: number[];
  covered: number;
  /** Share of samples that are named i mod K, where they were made for each class in turn; and its standard error. */
  inTurn: number;
  inTurnError: number;
}

/** What stays the same for all samples of a data set. */
export interface Reference {
  measure(pictures: BytePictures): Promise<Distances>;
  /** The same for as many training pictures: what real pictures give. */
  real(count: number): Promise<Distances>;
}

/** Measures against the held-out split of a named data set, at the shape of the pictures. @throws UsageError for data that no features come with */
export async function openReference(data: string, shape: readonly [number, number, number]): Promise<Reference> {
  const name = featuresFor(data);
  if (name === undefined) throw new UsageError({ what: "No features come with these data.", got: data });
  const backend = await openBackend({ device: "cpu" });
  const held = await loadDataset(data, { split: "test", shape });
  const extractor = await openExtractor(name, backend);
  const classifier = assetClassifier(name, backend);
  const features = await extractor.features(held);
  const within = kernelSums(features);
  const classes = held.classes ?? [];
  const measureSet = async (set: ImageSet): Promise<Distances> => {
    const own: FeatureSet = await extractor.features(set);
    const fd = frechetDistance(features, own);
    const kd = kernelDistance(features, own, within);
    const scores = await classifier.scores(set);
    const found = coverage(scores, classes.length);
    const asked = labelAccuracy(scores, classConditions(classes.length, set.count), classes.length, "classes");
    return {
      ...{ samples: set.count, fd: fd.distance, fdError: fd.error, kd: kd.value, kdError: kd.error },
      ...{ counts: found.counts, covered: found.covered, inTurn: asked.accuracy, inTurnError: asked.error },
    };
  };
  const real = async (count: number): Promise<Distances> => {
    const training = await loadDataset(data, { split: "train", shape });
    const stream = new RandomStream(0, "real pictures");
    const order = stream.shuffle(Uint32Array.from({ length: training.count }, (_, i) => i));
    const size = training.images.length / training.count;
    const images = new Uint8Array(count * size);
    for (let i = 0; i < count; i++) images.set(training.images.subarray(order[i] * size, (order[i] + 1) * size), i * size);
    return measureSet({ ...held, images, count });
  };
  return { measure: ({ data: images, shape: [count] }) => measureSet({ ...held, images, count }), real };
}
