import { UsageError } from "../../core/errors.ts";
import type { ImageSet } from "../../data/dataset.ts";
import { fitImages } from "../../data/fit.ts";
import { featureNet, type ModelRecord, type Pictures, pictureShape } from "../../models/index.ts";
import { loadFeatures } from "../../models/node/feature-assets.ts";
import type { Backend } from "../../runtime/backend.ts";
import { compile } from "../../runtime/program.ts";
import { featuresFor } from "../features.ts";
import { type LoadedModel, loadModel } from "../load.ts";
import { openRun } from "../registry.ts";
import type { AttributeReader } from "./attributes.ts";

const BATCH = 100;

/** A reader that holds a program. */
export interface OpenReader {
  reader: AttributeReader;
  /** What reads: a run, or a network that comes with the library. */
  name: string;
  dispose(): Promise<void>;
}

/**
 * The classifier that reads a set's attributes: a network that comes with the library, by its name, or a run. By default the library's network of the
 * set's own data.
 * @throws UsageError where there is none, or as {@link classifierReader}
 */
export async function openReader(
  given: string | undefined,
  set: ImageSet,
  { backend, note }: { backend: Backend; note(text: string): void },
): Promise<OpenReader> {
  const name = given ?? featuresFor(set.card.name);
  if (name === undefined) throw withoutReader(set);
  if (featuresFor(name) === name) {
    const { config, network, outputs } = loadFeatures(name);
    return classifierReader(
      { record: featureNet as unknown as ModelRecord, config, network, outputs },
      set,
      backend,
      `the library's ${name} network`,
    );
  }
  const run = await openRun(name);
  const data = run.record.data?.name;
  if (data !== undefined && data !== set.card.name)
    note(`${name} was trained on ${data}: its answers are taken for those of ${set.card.name}`);
  return classifierReader(await loadModel(run, note), set, backend, name);
}

function withoutReader({ card, attributes }: ImageSet): UsageError {
  const model = attributes === undefined ? "cnn" : `feature-net --preset attributes --set outputs=${attributes.names.length}`;
  return new UsageError({
    what: "A check needs a classifier that sees the attributes.",
    hint: `--classifier RUN; train one on the same data first: atelier train ${model} --data ${/\s/.test(card.name) ? `"${card.name}"` : card.name} --run NAME`,
  });
}

/** A trained network, what makes it and, where that is known, what its scores stand for. */
type Classifier = Pick<LoadedModel, "record" | "network"> & { config: unknown; outputs?: readonly string[] };

/**
 * A trained classifier as a reader of a set's attributes: one score an attribute (present above zero), or one a class (the largest). Pictures of another
 * shape are brought to the classifier's as the set's would be.
 * @throws UsageError where the model is no classifier, or tells other things apart than the set
 */
export async function classifierReader(
  { record, network, config, outputs }: Classifier,
  set: ImageSet,
  backend: Backend,
  name: string,
): Promise<OpenReader> {
  if (record.classify === undefined)
    throw new UsageError({ what: `The model "${record.name}" is no classifier.`, hint: "train one: atelier models lists them" });
  const shape = pictureShape(record, config);
  const program = await compile(backend, ({ images }) => ({ scores: record.classify!(network, images) }), {
    name: `${record.name}, reading`,
    inputs: { images: { shape: [BATCH, ...shape] } },
  });
  const width = program.outputs.scores.length / BATCH;
  const { attributes: table, classes = [] } = set;
  const same = (names: readonly string[]) => outputs === undefined || outputs.join() === names.join();
  const attributes = table !== undefined && table.names.length === width && same(table.names);
  const names = attributes ? table.names : classes;
  if (names.length === 0 || names.length > width || !same(names)) {
    await program.dispose();
    throw new UsageError({
      what: "The classifier tells other things apart than these data.",
      where: name,
      got: outputs?.join(", ") ?? `${width} scores`,
      expected: (table?.names ?? classes).join(", "),
    });
  }
  const read = async (pictures: Pictures): Promise<Uint8Array> => {
    const data = fitted(pictures, set, shape);
    const count = pictures.shape[0];
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
  return { reader: { names, read }, name, dispose: () => program.dispose() };
}

/** Pictures at a classifier's shape; where that is theirs, as they are. */
function fitted({ data, shape: [count, ...own] }: Pictures, { card }: ImageSet, shape: readonly [number, number, number]): Float32Array {
  if (own.join() === shape.join()) return data;
  const images = Uint8Array.from(data, (value) => Math.round(255 * Math.min(1, Math.max(0, value))));
  return Float32Array.from(
    fitImages({ kind: "images", card, split: "test", shape: own, images, count }, shape).images,
    (byte) => byte / 255,
  );
}
