import { UsageError } from "../../core/errors.ts";
import type { ImageSet } from "../../data/dataset.ts";
import { fitImages } from "../../data/fit.ts";
import { featureNet, type ModelRecord, type Pictures } from "../../models/index.ts";
import { featureAssets, loadFeatures } from "../../models/node/feature-assets.ts";
import type { Backend } from "../../runtime/backend.ts";
import { compile } from "../../runtime/program.ts";
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
  const assets = featureAssets();
  const name = given ?? (Object.hasOwn(assets, set.card.name) ? set.card.name : undefined);
  if (name === undefined) {
    throw new UsageError({
      what: "A check needs a classifier that sees the attributes.",
      hint: `--classifier RUN; train one on the same data first: atelier train cnn --run NAME`,
    });
  }
  if (!Object.hasOwn(assets, name)) return classifierReader(await loadModel(await openRun(name), note), set, backend, name);
  const { config, network } = loadFeatures(name);
  return classifierReader({ record: featureNet as unknown as ModelRecord, config, network }, set, backend, `the library's ${name} network`);
}

/**
 * A trained classifier as a reader of a set's attributes: one score an attribute (present above zero), or one a class (the largest). Pictures of another
 * shape are brought to the classifier's as the set's would be.
 * @throws UsageError where the model is no classifier, or tells other things apart than the set
 */
export async function classifierReader(
  { record, network, config }: Pick<LoadedModel, "record" | "network"> & { config: unknown },
  set: ImageSet,
  backend: Backend,
  name: string,
): Promise<OpenReader> {
  if (record.classify === undefined)
    throw new UsageError({ what: `The model "${record.name}" is no classifier.`, hint: "train one: atelier models lists them" });
  const shape = record.data.shape(config);
  const program = await compile(backend, ({ images }) => ({ scores: record.classify!(network, images) }), {
    name: `${record.name}, reading`,
    inputs: { images: { shape: [BATCH, ...shape] } },
  });
  const width = program.outputs.scores.length / BATCH;
  const attributes = set.attributes?.names.length === width;
  const names = attributes ? set.attributes!.names : (set.classes ?? []);
  if (names.length === 0 || names.length > width) {
    await program.dispose();
    const known = set.attributes?.names ?? names;
    throw new UsageError({
      what: "The classifier tells other things apart than these data.",
      got: `${width} scores`,
      expected: `${known.length}`,
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
