import { RandomStream } from "../../core/random.ts";
import { type DataCard, defineDataset, type GeneratedDataset, type Split, type SplitArrays } from "../dataset.ts";

const standard = { train: 2000, test: 500, side: 3, seed: 0 };
type Values = typeof standard;

const parameters: GeneratedDataset["parameters"] = {
  train: { least: 1, most: 100_000, standard: standard.train, about: "training pictures" },
  test: { least: 1, most: 100_000, standard: standard.test, about: "held-out pictures" },
  side: { least: 1, most: 16, standard: standard.side, about: "height and width in pixels" },
  seed: { least: 0, most: 2 ** 31 - 1, standard: standard.seed, about: "other draws" },
};

const card: DataCard = {
  name: "bars-and-stripes",
  title: "Bars and stripes",
  summary:
    "Tiny black and white pictures: whole rows white or black, or whole columns. Small enough for every picture's probability to be counted.",
  source: "generated here, after MacKay, Information Theory, Inference, and Learning Algorithms, 2003, chapter 43",
  licence: "CC0-1.0 (drawn by this library)",
  version: 1,
  splits: { train: standard.train, test: standard.test },
  splitNote: "Both splits are independent draws from one distribution over few pictures (14 at 3 x 3), so both hold the same pictures.",
  shape: [1, standard.side, standard.side],
  range: "0..255 bytes",
  classes: ["rows", "columns"],
  bias: "A toy. The all-black and the all-white picture are rows as well as columns, and so twice as frequent as any other.",
  fit: "resize",
};

function withValues(values: Values): GeneratedDataset {
  const { train, test, side } = values;
  const other = (Object.keys(standard) as (keyof Values)[]).filter((key) => values[key] !== standard[key]);
  const name = other.length === 0 ? card.name : `${card.name}:${other.map((key) => `${key}=${values[key]}`).join(",")}`;
  return {
    card: { ...card, name, splits: { train, test }, shape: [1, side, side] },
    parameters,
    withParameters: (given) => withValues({ ...standard, ...given }),
    generate: async () => ({ train: drawSplit("train", values), test: drawSplit("test", values) }),
  };
}

/** Rows or columns by a coin, then each line white by a coin. */
function drawSplit(split: Split, values: Values): SplitArrays {
  const { side, seed } = values;
  const random = new RandomStream(seed, `bars and stripes, ${split}`);
  const images = new Uint8Array(values[split] * side * side);
  const labels = new Uint8Array(values[split]);
  for (let n = 0; n < labels.length; n++) {
    labels[n] = random.below(2);
    for (let line = 0; line < side; line++) {
      if (random.below(2) === 0) continue;
      for (let at = 0; at < side; at++) images[(n * side + (labels[n] === 0 ? line : at)) * side + (labels[n] === 0 ? at : line)] = 255;
    }
  }
  return { images, labels };
}

/**
 * Entropy of the pictures of a side, in nats: the least mean negative log-likelihood that any model of them can have.
 * 2^side - 2 pictures of rows and as many of columns have probability 2^-(side + 1) each, all black and all white 2^-side each.
 */
export function barsAndStripesEntropy(side: number): number {
  if (side === 1) return Math.LN2;
  const plain = 2 * (2 ** side - 2) * 2 ** -(side + 1) * (side + 1);
  return Math.LN2 * (plain + 2 * 2 ** -side * side);
}

export const barsAndStripes = defineDataset(withValues(standard));
