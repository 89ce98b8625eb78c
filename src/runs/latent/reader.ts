import { UsageError } from "../../core/errors.ts";
import type { ImageSet } from "../../data/dataset.ts";
import type { Pictures } from "../../models/index.ts";
import type { Backend } from "../../runtime/backend.ts";
import { compile } from "../../runtime/program.ts";
import { type LoadedModel, loadModel } from "../load.ts";
import { openRun } from "../registry.ts";
import type { AttributeReader } from "./attributes.ts";

const BATCH = 100;

/**
 * A trained classifier as a reader of a set's attributes: one score an attribute (present above zero), or one a class (the largest).
 * @throws UsageError where the model is no classifier, takes pictures of another shape, or tells other things apart
 */
export async function classifierReader(
  classifier: LoadedModel,
  set: ImageSet,
  backend: Backend,
): Promise<AttributeReader & { dispose(): Promise<void> }> {
  const { record, network, config } = classifier;
  if (record.classify === undefined)
    throw new UsageError({ what: `The model "${record.name}" is no classifier.`, hint: "train one: atelier models lists them" });
  const shape = record.data.shape(config);
  if (shape.join() !== set.shape.join()) {
    throw new UsageError({
      what: "The classifier takes pictures of another shape than the model.",
      got: set.shape.join(" x "),
      expected: shape.join(" x "),
      hint: `train it with --set image=[${set.shape.join(",")}]`,
    });
  }
  const program = await compile(backend, ({ images }) => ({ scores: record.classify!(network, images) }), {
    name: `${record.name}, reading`,
    inputs: { images: { shape: [BATCH, ...shape] } },
  });
  const width = program.outputs.scores.length / BATCH;
  const attributes = set.attributes?.names.length === width;
  const names = attributes ? set.attributes!.names : (set.classes ?? []);
  if (names.length === 0 || names.length > width) {
    await program.dispose();
    throw new UsageError({
      what: "The classifier tells other things apart than these data.",
      got: `${width} scores`,
      expected: `${names.length}`,
    });
  }
  const read = async ({ data, shape: [count] }: Pictures): Promise<Uint8Array> => {
    const size = data.length / count;
    const said = new Uint8Array(count * names.length);
    for (let start = 0; start < count; start += BATCH) {
      const valid = Math.min(BATCH, count - start);
      (program.inputs.images as Float32Array).set(data.subarray(start * size, (start + valid) * size));
      const { scores } = await program.run();
      for (let n = 0; n < valid; n++) {
        const row = (scores as Float32Array).subarray(n * width, (n + 1) * width);
        const top = row.reduce((best, value, k) => (value > row[best] ? k : best), 0);
        names.forEach((_, k) => {
          said[(start + n) * names.length + k] = (attributes ? row[k] > 0 : k === top) ? 1 : 0;
        });
      }
    }
    return said;
  };
  return { names, read, dispose: () => program.dispose() };
}

/**
 * The classifier that reads a set's attributes, by its run's name.
 * @throws UsageError where none is named, or as {@link classifierReader}
 */
export async function openReader(
  name: string | undefined,
  set: ImageSet,
  { backend, note }: { backend: Backend; note(text: string): void },
): Promise<{ reader: AttributeReader; name: string; dispose(): Promise<void> }> {
  if (name === undefined) {
    throw new UsageError({
      what: "A check needs a classifier that sees the attributes.",
      hint: "--classifier RUN; train one on the same data first: atelier train cnn --run NAME",
    });
  }
  const reader = await classifierReader(await loadModel(await openRun(name), note), set, backend);
  return { reader, name, dispose: reader.dispose };
}
