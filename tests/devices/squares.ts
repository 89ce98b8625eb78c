import { RandomStream } from "../../src/core/random.ts";
import type { ImageSet } from "../../src/data/dataset.ts";
import { type ModelRecord, pictureShape } from "../../src/models/index.ts";

/** A few pictures with structure, the same everywhere: a bright square whose place tells the class. */
export function squares(record: ModelRecord, config: unknown, count: number): ImageSet {
  const shape = pictureShape(record, config);
  const [channels, height, width] = shape;
  const stream = new RandomStream(0, "squares");
  const images = new Uint8Array(count * channels * height * width).map(() => stream.below(40));
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 4);
  for (let n = 0; n < count; n++) {
    const [top, left] = [(labels[n] >> 1) * (height / 2), (labels[n] & 1) * (width / 2)];
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height / 2; y++) {
        const row = ((n * channels + c) * height + top + y) * width + left;
        images.fill(220, row, row + width / 2);
      }
    }
  }
  return { kind: "images", card: { name: "squares" } as ImageSet["card"], split: "train", shape, images, labels, count };
}
