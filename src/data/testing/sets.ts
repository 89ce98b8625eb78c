/** Small image sets for tests. */
import type { DataCard, ImageSet, ImageShape } from "../dataset.ts";

/** A card with nothing in it worth reading. */
export function testCard(more: Partial<DataCard> = {}): DataCard {
  return {
    name: "test-set",
    title: "A test set",
    summary: "",
    source: "",
    licence: "",
    version: 1,
    splits: { train: 1, test: 1 },
    shape: [1, 2, 2],
    range: "0..255 bytes",
    classes: [],
    bias: "",
    fit: "pad",
    ...more,
  };
}

/** `count` pictures; by default the first value of each is its index and so is its label, modulo 256. */
export function testSet(count: number, shape: ImageShape = [1, 2, 2], more: Partial<ImageSet> = {}): ImageSet {
  const size = shape[0] * shape[1] * shape[2];
  const images = new Uint8Array(count * size);
  for (let i = 0; i < count; i++) images[i * size] = i;
  const labels = Uint8Array.from({ length: count }, (_, i) => i);
  return { kind: "images", card: testCard({ shape }), split: "train", shape, images, labels, count, ...more };
}
