/** Which of the data's classes a GAN's samples show while it trains: by the feature network that comes with the data. */
import type { ExampleSet, ImageSet } from "../data/dataset.ts";
import { coverage } from "../metrics/coverage.ts";
import type { Backend } from "../runtime/backend.ts";
import { assetClassifier, featuresFor, type PictureClassifier } from "./features.ts";
import { drawSamples, type ViewContext } from "./sampling.ts";

/** Samples that are named: enough to tell a class of one in a hundred from none. */
const samples = 400;

/** Names samples at picture times. Only of models that choose classes themselves, where these are watched. */
export class ClassWatch {
  readonly #classifier: PictureClassifier;
  readonly #held: ImageSet;

  private constructor(classifier: PictureClassifier, held: ImageSet) {
    this.#classifier = classifier;
    this.#held = held;
  }

  /**
   * @param data name of the run's data
   * @returns undefined where there is nothing to watch: points, another family, a model that is told the class, or data that no classifier comes with
   */
  static open(
    { record }: Pick<ViewContext, "record">,
    held: ExampleSet,
    data: string | undefined,
    backend: Backend,
  ): ClassWatch | undefined {
    if (
      held.kind !== "images" ||
      record.family !== "gans" ||
      record.data.conditions !== undefined ||
      record.sample === undefined ||
      data === undefined
    )
      return undefined;
    const features = featuresFor(data);
    if (features === undefined || held.attributes !== undefined || held.classes === undefined) return undefined;
    return new ClassWatch(assetClassifier(features, backend), held);
  }

  /** Samples by class, and the classes' names. The same codes each time. */
  async look(context: ViewContext, seed: string): Promise<{ counts: readonly number[]; names: readonly string[] }> {
    const { data, shape } = await drawSamples(context, samples, `${seed}/classes`);
    const images = Uint8Array.from(data, (value) => Math.round(255 * value));
    const { card, classes = [] } = this.#held;
    const [count, ...picture] = shape;
    const scores = await this.#classifier.scores({ kind: "images", card, split: "test", shape: picture, images, count });
    const names = this.#classifier.names ?? classes;
    return { counts: coverage(scores, names.length).counts, names };
  }
}
