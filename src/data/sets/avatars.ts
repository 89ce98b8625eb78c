import type { Options } from "@dicebear/avataaars";
import { RandomStream } from "../../core/random.ts";
import { type DataCard, defineDataset, type GeneratedDataset, type MakingTools, type Split, type SplitArrays } from "../dataset.ts";

/** One kind of a feature: how often it is drawn, which parts of the drawing show it (each as likely), and what it makes true. */
interface Kind {
  weight: number;
  parts: readonly string[];
  attributes?: readonly string[];
}

/**
 * What a face is made of. Each feature is drawn by itself, so that attributes are independent but for what hides or excludes another:
 * headwear and baldness leave no hair to have a colour or a length, and sunglasses cover the eyes. Weights are per cent.
 */
const FEATURES = {
  top: [
    { weight: 12, parts: ["hat", "hijab", "turban", "winterHat1", "winterHat02", "winterHat03", "winterHat04"], attributes: ["headwear"] },
    { weight: 8, parts: [""], attributes: ["bald"] },
    {
      weight: 28,
      parts: ["bob", "longButNotTooLong", "miaWallace", "straight01", "straight02", "straightAndStrand"],
      attributes: ["long-hair"],
    },
    { weight: 10, parts: ["curvy", "dreads"], attributes: ["long-hair", "curly-hair"] },
    { weight: 10, parts: ["curly", "fro", "dreads02"], attributes: ["curly-hair"] },
    {
      weight: 32,
      parts: ["shortFlat", "shortRound", "shortWaved", "theCaesar", "theCaesarAndSidePart", "frizzle"],
      attributes: ["short-hair"],
    },
  ],
  hairColor: [
    { weight: 22, parts: ["2c1b18", "1d1a1e"], attributes: ["black-hair"] },
    { weight: 22, parts: ["724133", "7d4a2c"], attributes: ["brown-hair"] },
    { weight: 20, parts: ["e0bd6b", "ecd08a"], attributes: ["blond-hair"] },
    { weight: 14, parts: ["c93305", "d9531e"], attributes: ["red-hair"] },
    { weight: 12, parts: ["b4b4b6", "98999e"], attributes: ["grey-hair"] },
    { weight: 10, parts: ["f59797", "ff86b4"], attributes: ["pink-hair"] },
  ],
  skinColor: [
    { weight: 34, parts: ["ffdbb4", "f3c79b"], attributes: ["light-skin"] },
    { weight: 33, parts: ["d08b5b", "c27f4e"], attributes: ["brown-skin"] },
    { weight: 33, parts: ["614335", "75503c"], attributes: ["dark-skin"] },
  ],
  mouth: [
    { weight: 30, parts: ["smile", "default"], attributes: ["smiling", "mouth-open"] },
    { weight: 20, parts: ["twinkle"], attributes: ["smiling"] },
    { weight: 20, parts: ["screamOpen", "disbelief"], attributes: ["mouth-open"] },
    { weight: 30, parts: ["serious", "sad"] },
  ],
  accessories: [
    { weight: 64, parts: [""] },
    { weight: 24, parts: ["prescription01", "prescription02", "round"], attributes: ["eyeglasses"] },
    { weight: 12, parts: ["kurt", "sunglasses", "wayfarers"], attributes: ["sunglasses"] },
  ],
  accessoriesColor: [{ weight: 100, parts: ["262e33", "25557c", "8c2f39"] }],
  eyes: [
    { weight: 60, parts: ["default"] },
    { weight: 22, parts: ["closed", "happy"], attributes: ["eyes-closed"] },
    { weight: 18, parts: ["surprised"], attributes: ["eyes-wide"] },
  ],
  eyebrows: [
    { weight: 50, parts: ["default", "defaultNatural"] },
    { weight: 25, parts: ["angry", "angryNatural"], attributes: ["angry-eyebrows"] },
    { weight: 25, parts: ["raisedExcited", "raisedExcitedNatural"], attributes: ["raised-eyebrows"] },
  ],
  facialHair: [
    { weight: 74, parts: [""] },
    { weight: 16, parts: ["beardLight", "beardMedium", "beardMajestic"], attributes: ["beard"] },
    { weight: 10, parts: ["moustacheFancy", "moustacheMagnum"], attributes: ["moustache"] },
  ],
  clothing: [{ weight: 100, parts: ["shirtCrewNeck", "shirtScoopNeck", "shirtVNeck", "hoodie", "collarAndSweater", "blazerAndShirt"] }],
  clothesColor: [{ weight: 100, parts: ["262e33", "5199e4", "25557c", "929598", "a7ffc4", "ffafb9", "ffffb1", "ff5c5c"] }],
  hatColor: [{ weight: 100, parts: ["262e33", "5199e4", "929598", "ffafb9", "ffffb1", "ff5c5c"] }],
} as const satisfies Record<string, readonly Kind[]>;

type Feature = keyof typeof FEATURES;
const features = Object.keys(FEATURES) as Feature[];

/** Every attribute, in the order of the columns. */
const ATTRIBUTES: readonly string[] = [
  ...["smiling", "mouth-open", "eyeglasses", "sunglasses", "eyes-closed", "eyes-wide", "angry-eyebrows", "raised-eyebrows"],
  ...["beard", "moustache", "headwear", "bald", "long-hair", "short-hair", "curly-hair"],
  ...["black-hair", "brown-hair", "blond-hair", "red-hair", "grey-hair", "pink-hair", "light-skin", "brown-skin", "dark-skin"],
];

/** The square of the 280 x 280 drawing that is kept: closer to the face, without the shirt's hem. */
const VIEW = "28 4 224 224";
const BACKGROUND = "d6e6f2";
/** Pictures drawn between two reports of progress. */
const CHUNK = 500;

/** One face: the part that shows each feature ("" for none), and what is true of it. */
export interface Face {
  parts: Readonly<Record<Feature, string>>;
  attributes: ReadonlySet<string>;
}

/** Draw a face's features from a stream. */
export function drawFace(random: RandomStream): Face {
  const attributes = new Set<string>();
  const parts = {} as Record<Feature, string>;
  const made = {} as Record<Feature, readonly string[]>;
  for (const feature of features) {
    const { part, attributes: true_ = [] } = drawKind(FEATURES[feature], random);
    [parts[feature], made[feature]] = [part, true_];
  }
  if (made.top.includes("headwear") || made.top.includes("bald")) made.hairColor = [];
  if (made.accessories.includes("sunglasses")) [parts.eyes, made.eyes] = ["default", []];
  for (const names of Object.values(made)) for (const name of names) attributes.add(name);
  return { parts, attributes };
}

function drawKind(kinds: readonly Kind[], random: RandomStream): { part: string; attributes?: readonly string[] | undefined } {
  let left = random.below(100);
  let index = 0;
  while (left >= kinds[index].weight) left -= kinds[index++].weight;
  const kind = kinds[index];
  return { part: kind.parts[random.below(kind.parts.length)], attributes: kind.attributes };
}

/** A function from a face to its SVG document; loads the drawing library. */
async function artist(): Promise<(face: Face) => string> {
  const [{ createAvatar }, style] = await Promise.all([import("@dicebear/core"), import("@dicebear/avataaars")]);
  return ({ parts }) => {
    // One choice each, so that the library's own seed decides nothing.
    const choices = Object.fromEntries(Object.entries(parts).map(([feature, part]) => [feature, part === "" ? [] : [part]]));
    const often = (part: string) => (part === "" ? 0 : 100);
    const svg = createAvatar<Options>(style, {
      ...choices,
      facialHairColor: [parts.hairColor],
      topProbability: often(parts.top),
      accessoriesProbability: often(parts.accessories),
      facialHairProbability: often(parts.facialHair),
      backgroundColor: [BACKGROUND],
    } as Options).toString();
    return svg.replace(/viewBox="[^"]*"/, `viewBox="${VIEW}"`);
  };
}

const standard = { train: 20_000, test: 2_000, side: 64, seed: 0 };
type Values = typeof standard;

const parameters: GeneratedDataset["parameters"] = {
  train: { least: 1, most: 200_000, standard: standard.train, about: "training pictures" },
  test: { least: 1, most: 20_000, standard: standard.test, about: "held-out pictures" },
  side: { least: 16, most: 512, standard: standard.side, about: "height and width in pixels" },
  seed: { least: 0, most: 2 ** 31 - 1, standard: standard.seed, about: "other faces" },
};

const card: DataCard = {
  name: "avatars",
  title: "Avatars with attributes",
  summary: `Drawn faces in colour, ${ATTRIBUTES.length} yes-or-no attributes of each: hair, skin, glasses, mouth, eyes, beard, headwear.`,
  source: "generated here with @dicebear/core and @dicebear/avataaars 9.4.3, after Avataaars by Pablo Stanley (avataaars.com)",
  licence: "free for personal and commercial use (drawings), MIT (code)",
  version: 1,
  splits: { train: standard.train, test: standard.test },
  splitNote: "Train and test are drawn from streams of their own, and no picture is in both or twice in one.",
  shape: [3, standard.side, standard.side],
  range: "0..255 bytes",
  classes: [],
  attributes: ATTRIBUTES,
  bias:
    "Drawings by one artist, one pose, one light, one background: nothing learned here says anything of photographs. Features are drawn independently and " +
    "at chosen rates, unlike any population; neither gender nor age is drawn or labelled. Where hair is not seen (headwear, bald: 20%) no hair colour " +
    "or length is true, and behind sunglasses (12%) the eyes are neither closed nor wide; a beard keeps the hair's colour without counting as hair.",
  fit: "resize",
};

function withValues(values: Values): GeneratedDataset {
  const { train, test, side } = values;
  const other = (Object.keys(standard) as (keyof Values)[]).filter((key) => values[key] !== standard[key]);
  const name = other.length === 0 ? card.name : `${card.name}:${other.map((key) => `${key}=${values[key]}`).join(",")}`;
  return {
    card: { ...card, name, splits: { train, test }, shape: [3, side, side] },
    parameters,
    withParameters: (given) => withValues({ ...standard, ...given }),
    generate: (tools) => generate(values, tools),
  };
}

/** Faces of any number and size, drawn when first wanted: what photographs of celebrities are to other libraries. */
export const avatars = defineDataset(withValues(standard));

/** Test first, so that its pictures do not depend on how many there are for training. */
async function generate(values: Values, tools: MakingTools): Promise<Record<Split, SplitArrays>> {
  const seen = new Set<string>();
  const started = performance.now();
  const draw = await artist();
  let done = 0;
  const making = async (split: Split): Promise<SplitArrays> => {
    const count = values[split];
    const random = new RandomStream(values.seed, `avatars, ${split}`);
    const size = 3 * values.side ** 2;
    const images = new Uint8Array(count * size);
    const attributes = new Uint8Array(count * ATTRIBUTES.length);
    for (let kept = 0; kept < count; ) {
      tools.onProgress?.(`drawing ${done} of ${values.test + values.train} faces`, Math.floor((performance.now() - started) / 1000));
      const faces = Array.from({ length: Math.min(CHUNK, count - kept) }, () => drawFace(random));
      const drawn = await tools.rasterise(faces.map(draw), [3, values.side, values.side]);
      for (const [i, face] of faces.entries()) {
        const picture = drawn.subarray(i * size, (i + 1) * size);
        if (!remember(seen, picture)) continue;
        images.set(picture, kept * size);
        attributes.set(columns(face), kept * ATTRIBUTES.length);
        kept++;
        done++;
      }
    }
    return { images, attributes };
  };
  const test = await making("test");
  return { train: await making("train"), test };
}

function columns({ attributes }: Face): Uint8Array {
  return Uint8Array.from(ATTRIBUTES, (name) => (attributes.has(name) ? 1 : 0));
}

/** Whether the picture has not been seen before, by a 64-bit hash of its bytes: of 200,000 pictures, two are taken for one by chance once in a billion sets. */
function remember(seen: Set<string>, picture: Uint8Array): boolean {
  let [a, b] = [0x811c9dc5, 0x9747b28c];
  for (const byte of picture) {
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte, 0x5bd1e995) ^ (b >>> 15);
  }
  const key = `${a} ${b}`;
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}
