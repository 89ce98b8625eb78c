// Put a trained feature network into the library's assets: node bin/ts.js scripts/feature-asset.ts RUN [NAME]
// Weights are rounded to half precision, measured as rounded, and described with their digest and the commands that make them.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { conditionNames } from "../src/data/dataset.ts";
import { Loader } from "../src/data/loader.ts";
import { labelAccuracy } from "../src/metrics/label-accuracy.ts";
import type { FeatureNetConfig } from "../src/models/classifiers/feature-net.ts";
import { numericShape } from "../src/models/model.ts";
import type { FeatureAsset } from "../src/models/node/feature-assets.ts";
import { type Module, namedParameters, namedStates } from "../src/nn/module.ts";
import { decodeSafetensors, encodeSafetensors, type FileTensor } from "../src/pretrained/safetensors.ts";
import { loadModel, loadSplit } from "../src/runs/load.ts";
import { openRun } from "../src/runs/registry.ts";
import { openBackend } from "../src/runtime/node/open.ts";
import { compile } from "../src/runtime/program.ts";

const assets = fileURLToPath(new URL("../assets/", import.meta.url));
const [runName, given] = process.argv.slice(2);
if (runName === undefined) throw new Error("use: node bin/ts.js scripts/feature-asset.ts RUN [NAME]");

const run = await openRun(runName);
const { record, config, network } = await loadModel(run);
const data = run.record.data!.name;
const name = given ?? data;
const held = await loadSplit(record, config, data, "test");
const leaves = [...namedParameters(network), ...namedStates(network)];
const tensors = Object.fromEntries(
  leaves.map(([path, { shape, data: values }]) => [path, { dtype: "float32", shape, data: values as Float32Array } as FileTensor]),
);
const train = `${run.record.command.filter((word, i, all) => word !== "--run" && all[i - 1] !== "--run").join(" ")} --run ${runName}`;
const commands = [train, `node bin/ts.js scripts/feature-asset.ts ${runName}${given === undefined ? "" : ` ${given}`}`];
const { seed, versions } = run.record;
const bytes = encodeSafetensors(
  tensors,
  { name: `atelier-${name}`, config: JSON.stringify(config), commands: commands.join("; "), seed, version: versions.atelier },
  "F16",
);

const decoded = decodeSafetensors(bytes, { file: name });
for (const [path, leaf] of leaves) (leaf.data as Float32Array).set(decoded.tensors.get(path)!.data as Float32Array);
const outputs = conditionNames(held);
const { accuracy, each } = await measure(network);
const entry: FeatureAsset = {
  file: `features/${name}.safetensors`,
  bytes: bytes.length,
  sha256: createHash("sha256").update(bytes).digest("hex"),
  commands,
  seed,
  version: versions.atelier,
  data,
  accuracy,
  pictures: held.count,
  outputs: [...outputs],
  ...((config as FeatureNetConfig).task === "attributes"
    ? { accuracies: Object.fromEntries(outputs.map((word, k) => [word, each[k]])) }
    : {}),
};
await mkdir(`${assets}features`, { recursive: true });
await writeFile(`${assets}${entry.file}`, bytes);
const manifest = `${assets}manifest.json`;
const described: { features?: Record<string, FeatureAsset> } = existsSync(manifest) ? JSON.parse(readFileSync(manifest, "utf8")) : {};
const features = { ...described.features, [name]: entry };
await writeFile(manifest, `${JSON.stringify({ ...described, features }, null, 2)}\n`);
console.log(`${entry.file}: ${bytes.length} bytes, accuracy ${accuracy} on ${held.count} held-out pictures`);
for (const [word, value] of Object.entries(entry.accuracies ?? {})) console.log(`  ${word.padEnd(20)} ${value}`);

/** Accuracy of the stored weights on the held-out split. */
async function measure(module: Module) {
  const batch = 250;
  const program = await compile(await openBackend(), ({ images }) => ({ logits: record.classify!(module, images) }), {
    inputs: { images: { shape: [batch, ...numericShape(record, config)] } },
  });
  const logits = new Float32Array(held.count * outputs.length);
  const wanted = new Float32Array(logits.length);
  const target = { images: program.inputs.images as Float32Array, conditions: new Float32Array(batch * outputs.length) };
  for (const { start, valid } of new Loader(held, { batch, dropLast: false }).evaluationBatches(target)) {
    const found = (await program.run()).logits as Float32Array;
    logits.set(found.subarray(0, valid * outputs.length), start * outputs.length);
    wanted.set(target.conditions.subarray(0, valid * outputs.length), start * outputs.length);
  }
  await program.dispose();
  return labelAccuracy(logits, wanted, outputs.length, (config as FeatureNetConfig).task);
}
