import { UsageError } from "../core/errors.ts";
import { type Coverage, coverage } from "../metrics/coverage.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";
import type { LoadedModel } from "./load.ts";
import { drawSamples } from "./pictures.ts";

/**
 * Let a trained classifier name samples of a trained generator.
 * @throws UsageError when either cannot do its part, or their picture shapes differ
 */
export async function sampleCoverage(
  generator: LoadedModel,
  classifier: LoadedModel,
  backend: Backend,
  count: number,
  seed: string,
): Promise<Coverage> {
  const { record } = classifier;
  if (generator.record.sample === undefined)
    throw new UsageError({ what: `The model "${generator.record.name}" makes no samples to classify.` });
  if (record.classify === undefined)
    throw new UsageError({ what: `The model "${record.name}" is no classifier.`, hint: "train one: atelier train cnn" });
  const shape = record.data.shape(classifier.config);
  const made = generator.record.data.shape(generator.config);
  if (shape.join() !== made.join()) {
    throw new UsageError({
      what: "The classifier takes pictures of another shape than the samples.",
      got: made.join(" x "),
      expected: shape.join(" x "),
      hint: `train it with --set image=[${made.join(",")}]`,
    });
  }
  const pictures = await drawSamples({ ...generator, backend }, count, seed);
  const program = await compile(backend, ({ images }) => ({ logits: record.classify!(classifier.network, images) }), {
    name: `${record.name} naming samples`,
    inputs: { images: { shape: [count, ...shape] } },
  });
  const { logits } = await program.run({ images: pictures.data });
  await program.dispose();
  return coverage(logits as Float32Array, logits.length / count);
}
