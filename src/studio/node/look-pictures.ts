/** Pictures of a data set, for people to look at. */
import { createHash } from "node:crypto";
import { RandomStream } from "../../core/random.ts";
import { conditionNames, type ImageSet } from "../../data/dataset.ts";
import { imageGrid } from "../../report/grid.ts";
import { encodePng } from "../../report/png.ts";
import type { DataFilter, PictureItem, PictureOverview, PicturePage, Repetitions } from "../data.ts";

/** Pictures in a row of an atlas. */
const COLUMNS = 16;
/** Repeated pictures that are named. */
const NAMED = 24;

/** Balance of classes and attributes, and the channels' statistics. */
export function pictureOverview(set: ImageSet): PictureOverview {
  const { shape, images, count, labels, classes = [], attributes, notes = [] } = set;
  const [channels, height, width] = shape;
  const area = height * width;
  const perClass = new Array<number>(classes.length).fill(0);
  for (const label of labels ?? []) perClass[label]++;
  const names = attributes?.names ?? [];
  const perAttribute = new Array<number>(names.length).fill(0);
  attributes?.values.forEach((value, i) => {
    perAttribute[i % names.length] += value;
  });
  const statistics = Array.from({ length: channels }, (_, channel) => {
    let [sum, squares] = [0, 0];
    for (let n = 0; n < count; n++) {
      const start = (n * channels + channel) * area;
      for (let i = start; i < start + area; i++) {
        sum += images[i];
        squares += images[i] * images[i];
      }
    }
    const mean = sum / (count * area);
    return { mean: mean / 255, deviation: Math.sqrt(Math.max(0, squares / (count * area) - mean * mean)) / 255 };
  });
  return {
    kind: "pictures",
    count,
    shape,
    labels: classes.map((name, k) => ({ name, count: perClass[k] })),
    attributes: names.map((name, k) => ({ name, count: perAttribute[k] })),
    channels: statistics,
    notes,
  };
}

/** The rows of a set that a filter leaves, in the order in which they are shown. */
export function chosenRows({ count, labels, attributes }: ImageSet, { label, attribute, has, mixed }: DataFilter): Uint32Array {
  const width = attributes?.names.length ?? 0;
  const fits = (row: number) =>
    (label === undefined || labels?.[row] === label) &&
    (attribute === undefined || (attributes?.values[row * width + attribute] === 1) === has);
  const rows = Uint32Array.from({ length: count }, (_, row) => row).filter(fits);
  if (mixed) new RandomStream(0, "looking").shuffle(rows);
  return rows;
}

/** What is known of each picture of a page. */
export function picturePage(set: ImageSet, filter: DataFilter): PicturePage {
  const rows = chosenRows(set, filter);
  const [, height, width] = set.shape;
  const items = Array.from(shown(rows, filter), (index): PictureItem => {
    const { labels, classes, attributes, names } = set;
    const label = labels === undefined ? undefined : (classes?.[labels[index]] ?? String(labels[index]));
    const start = index * (attributes?.names.length ?? 0);
    return { index, label, attributes: attributes?.names.filter((_, k) => attributes.values[start + k] === 1), name: names?.[index] };
  });
  return { kind: "pictures", total: rows.length, offset: filter.offset, columns: COLUMNS, width, height, items };
}

/** The pictures of a page in rows of {@link COLUMNS}, without gaps; one black picture where there are none. */
export function pictureAtlas(set: ImageSet, filter: DataFilter): Uint8Array {
  const size = set.images.length / set.count;
  const rows = shown(chosenRows(set, filter), filter);
  const data = new Uint8Array(Math.max(1, rows.length) * size);
  rows.forEach((row, i) => {
    data.set(set.images.subarray(row * size, (row + 1) * size), i * size);
  });
  return atlasPng(data, set.shape, COLUMNS);
}

/** Bytes [N, C, H, W] as a PNG, so many in a row, without gaps and at their own size. */
export function atlasPng(data: Uint8Array, shape: readonly [number, number, number], columns: number): Uint8Array {
  const count = data.length / (shape[0] * shape[1] * shape[2]);
  return encodePng(imageGrid({ data, shape: [count, ...shape] }, { columns, gap: 0, scale: 1 }), { Software: "atelier" });
}

function shown(rows: Uint32Array, { offset, count }: DataFilter): Uint32Array {
  return rows.subarray(offset, offset + count);
}

/** The mean of all pictures, then of those of each class, or with each attribute: a PNG of one row. */
export function pictureMeans(set: ImageSet): Uint8Array {
  const { images, count, labels, attributes, shape } = set;
  const size = images.length / count;
  const groups = 1 + conditionNames(set).length;
  const sums = new Float64Array(groups * size);
  const members = new Float64Array(groups);
  const add = (group: number, row: number) => {
    members[group]++;
    const [from, to] = [row * size, group * size];
    for (let i = 0; i < size; i++) sums[to + i] += images[from + i];
  };
  for (let row = 0; row < count; row++) {
    add(0, row);
    if (attributes === undefined) {
      if (labels !== undefined) add(1 + labels[row], row);
      continue;
    }
    const width = attributes.names.length;
    for (let k = 0; k < width; k++) if (attributes.values[row * width + k] === 1) add(1 + k, row);
  }
  const means = Uint8Array.from(sums, (sum, i) => Math.round(sum / Math.max(1, members[Math.floor(i / size)])));
  return atlasPng(means, shape, groups);
}

/** Pictures that are equal byte for byte. */
export function pictureRepetitions(train: ImageSet, test: ImageSet): Repetitions {
  const examples: { first: string; second: string; overlap: number }[] = [];
  const first = new Map<string, number>();
  let copies = 0;
  const name = (index: number) => `#${index}`;
  eachDigest(train, (digest, row) => {
    const before = first.get(digest);
    if (before === undefined) return first.set(digest, row);
    copies++;
    if (examples.length < NAMED) examples.push({ first: name(before), second: name(row), overlap: 1 });
    return first;
  });
  let leaks = 0;
  eachDigest(test, (digest, row) => {
    const before = first.get(digest);
    if (before === undefined) return;
    leaks++;
    if (examples.length < NAMED) examples.push({ first: name(before), second: `held-out #${row}`, overlap: 1 });
  });
  return { copies, leaks, examples };
}

function eachDigest({ images, count }: ImageSet, visit: (digest: string, row: number) => void): void {
  const size = images.length / count;
  for (let row = 0; row < count; row++) {
    visit(
      createHash("sha1")
        .update(images.subarray(row * size, (row + 1) * size))
        .digest("base64"),
      row,
    );
  }
}
