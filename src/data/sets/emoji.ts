import { decode } from "fast-png";
import { z } from "zod";
import { FileError } from "../../core/errors.ts";
import { RandomStream } from "../../core/random.ts";
import { defineDataset, type PlainPreparation, type SplitArrays } from "../dataset.ts";
import { isHeldOut, parseJson, present } from "./parts.ts";

const SIDE = 64;
const AREA = SIDE * SIDE;
const CLASSES = [
  ...["Smileys & Emotion", "People & Body", "Animals & Nature", "Food & Drink", "Travel & Places", "Activities"],
  ...["Objects", "Symbols", "Flags"],
];
const LIST = "package/emoji.json";
const PICTURES = "package/img/google/64/";

const listSchema = z.array(z.object({ name: z.string(), unified: z.string(), image: z.string(), category: z.string() }));

/** Emoji in colour, with their names. */
export const emoji = defineDataset({
  card: {
    name: "emoji",
    title: "Emoji with names",
    summary: "1,892 emoji of Unicode 16 in Google's drawings, 64 x 64 in colour on white, each with its name and one of nine categories.",
    source: "Noto Emoji by Google; npm package emoji-datasource-google by Cal Henderson",
    licence: "Apache-2.0 (drawings), MIT (names and package)",
    package: {
      name: "emoji-datasource-google",
      version: "16.0.0",
      integrity: "sha512-ZRexfzs7MVoLnmzZmNsO4TKhnAJp5D++Vm6PpUpH/jEQQlemp3l88CjZ+DoZ2faM9R4QxZkOPJCoT8DlPhfQ3A==",
      bytes: 74_344_091,
      unpackedBytes: 80_819_712,
    },
    version: 1,
    splits: { train: 1_711, test: 181 },
    splitNote: "Our own: a tenth is held out by a hash of the code points.",
    shape: [3, SIDE, SIDE],
    range: "0..255 bytes",
    classes: CLASSES,
    bias:
      "Small for training. The five skin tones of each hand and person are left out: the same drawing painted again, they would be half of all pictures and " +
      "would leak from training to test; people are therefore yellow. Flags of countries with one drawing, and families drawn alike, are kept once. " +
      "Near-repeats remain (clock faces, arrows, a woman, a man and a person at the same work), so a near neighbour in training need not be memorised.",
    fit: "resize",
  },
  prepare: prepareEmoji,
});

function prepareEmoji(): PlainPreparation {
  const pictures = new Map<string, Uint8Array>();
  let list: z.infer<typeof listSchema> | undefined;
  return {
    wanted: (path) => path === LIST || (path.startsWith(PICTURES) && path.endsWith(".png") && !/-1f3f[b-f]/.test(path)),
    add(path, bytes) {
      if (path === LIST) list = readList(bytes);
      else pictures.set(path, onWhite(bytes, path));
    },
    finish: () => arrange(present(list, LIST), pictures),
  };
}

function readList(bytes: Uint8Array): z.infer<typeof listSchema> {
  const checked = listSchema.safeParse(parseJson(bytes, LIST));
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw new FileError({
    what: "The list of emoji is not what it should be.",
    where: `${LIST}, ${issue.path.join(".")}`,
    got: issue.message,
  });
}

/** A PNG of grey, colour or a palette, with or without alpha, laid on white: [3, 64, 64]. @throws FileError when it is none of that size. */
function onWhite(bytes: Uint8Array, path: string): Uint8Array {
  let png: ReturnType<typeof decode>;
  try {
    png = decode(bytes);
  } catch (error) {
    throw new FileError({ what: "A picture of the package cannot be decoded.", where: path, cause: error });
  }
  const { width, height, depth, channels, data, palette } = png;
  if (width !== SIDE || height !== SIDE || depth !== 8 || data.length !== AREA * channels) {
    const got = `${width} x ${height}, ${channels} channels of ${depth} bits`;
    throw new FileError({ what: "A picture of the package is not an emoji.", where: path, got, expected: `${SIDE} x ${SIDE}, 8 bits` });
  }
  const picture = new Uint8Array(3 * AREA);
  for (let i = 0; i < AREA; i++) {
    const pixel = palette?.[data[i]] ?? data.subarray(i * channels, (i + 1) * channels);
    const grey = pixel.length < 3;
    const alpha = (grey ? pixel[1] : pixel[3]) ?? 255;
    for (let channel = 0; channel < 3; channel++) {
      const value = pixel[grey ? 0 : channel];
      picture[channel * AREA + i] = Math.round((value * alpha + 255 * (255 - alpha)) / 255);
    }
  }
  return picture;
}

/** In a shuffled order, so that a part of the set shows all classes; what looks the same only once. */
function arrange(list: z.infer<typeof listSchema>, pictures: ReadonlyMap<string, Uint8Array>): { train: SplitArrays; test: SplitArrays } {
  const seen = new Set<string>();
  const kept = { train: [] as typeof list, test: [] as typeof list };
  const order = new RandomStream(0, "emoji order").shuffle([...list]);
  for (const entry of order) {
    if (!CLASSES.includes(entry.category)) continue;
    const bytes = present(pictures.get(PICTURES + entry.image), PICTURES + entry.image);
    const key = String.fromCharCode(...bytes);
    if (seen.has(key)) continue;
    seen.add(key);
    kept[isHeldOut(entry.unified) ? "test" : "train"].push(entry);
  }
  const arrays = (part: typeof list): SplitArrays => {
    const images = new Uint8Array(part.length * 3 * AREA);
    for (const [i, { image }] of part.entries()) images.set(pictures.get(PICTURES + image)!, i * 3 * AREA);
    const labels = Uint8Array.from(part, ({ category }) => CLASSES.indexOf(category));
    return { images, labels, names: part.map(({ name }) => name.toLowerCase()) };
  };
  return { train: arrays(kept.train), test: arrays(kept.test) };
}
