/** The feature networks that come with the library: weights in `assets/features`, described and hashed in `assets/manifest.json`. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { FileError, unknownName } from "../../core/errors.ts";
import { fileError } from "../../core/node/files.ts";
import { RandomStream } from "../../core/random.ts";
import { namedParameters, namedStates } from "../../nn/module.ts";
import { decodeSafetensors } from "../../pretrained/safetensors.ts";
import { type FeatureNet, type FeatureNetConfig, featureNet } from "../classifiers/feature-net.ts";

/** Three folders up from here, in src as in dist. */
const root = new URL("../../../assets/", import.meta.url);

const entrySchema = z.object({
  /** Path in the assets folder. */
  file: z.string(),
  bytes: z.int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** What made it, in order. */
  commands: z.array(z.string()),
  seed: z.string(),
  /** Of this library, that trained it. */
  version: z.string(),
  /** The data set it was trained on. */
  data: z.string(),
  /** Share of held-out pictures (or of their attributes) told rightly, by the weights as stored. */
  accuracy: z.number(),
  /** How many held-out pictures that was measured on. */
  pictures: z.int(),
  /** What its outputs stand for. */
  outputs: z.array(z.string()),
  /** Of each attribute. */
  accuracies: z.record(z.string(), z.number()).optional(),
});
const manifestSchema = z.object({ features: z.record(z.string(), entrySchema) });

/** What is known of a feature network that comes with the library. */
export type FeatureAsset = z.infer<typeof entrySchema>;

/** A feature network with its weights. */
export interface LoadedFeatures extends FeatureAsset {
  /** `mnist`, ...: distances are named after it, `atelier-mnist`. */
  name: string;
  config: FeatureNetConfig;
  network: FeatureNet;
}

/** All of them by name. @throws FileError when the description is missing or damaged */
export function featureAssets(): Readonly<Record<string, FeatureAsset>> {
  const file = new URL("manifest.json", root);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw fileError(error, "The description of the library's assets cannot be read.", file.pathname);
  }
  const checked = manifestSchema.safeParse(parsed);
  if (checked.success) return checked.data.features;
  throw new FileError({
    what: "The description of the library's assets is damaged.",
    where: file.pathname,
    got: checked.error.issues[0].message,
  });
}

/**
 * A feature network that comes with the library.
 * @param name of the data set it was made on, such as `mnist`
 * @throws UsageError for an unknown name; FileError when its file is missing or is not the one described
 */
export function loadFeatures(name: string): LoadedFeatures {
  const assets = featureAssets();
  const asset = Object.hasOwn(assets, name) ? assets[name] : undefined;
  if (asset === undefined) throw unknownName("feature network", name, Object.keys(assets));
  const file = new URL(asset.file, root);
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(file));
  } catch (error) {
    throw fileError(error, "The weights of a feature network cannot be read.", file.pathname);
  }
  if (createHash("sha256").update(bytes).digest("hex") !== asset.sha256) {
    throw new FileError({
      what: "The weights of a feature network are not those that were made: their digest differs.",
      where: file.pathname,
      hint: "install the library again",
    });
  }
  const { tensors, metadata } = decodeSafetensors(bytes, { file: file.pathname });
  const config = featureNet.config.parse(JSON.parse(metadata.config ?? "{}"));
  const network = featureNet.build(config, new RandomStream(0, "initialisation"));
  for (const [path, leaf] of [...namedParameters(network), ...namedStates(network)]) {
    const stored = tensors.get(path);
    if (stored?.dtype !== "float32" || stored.data.length !== leaf.data.length) {
      throw new FileError({ what: "The weights of a feature network lack a tensor.", where: `${file.pathname}, ${path}` });
    }
    (leaf.data as Float32Array).set(stored.data);
  }
  return { name, ...asset, config, network };
}
