import { z } from "zod";
import { FileError } from "../../core/errors.ts";
import { RandomStream } from "../../core/random.ts";
import { defineDataset, type MakingTools, type Preparation, type Split, type SplitArrays } from "../dataset.ts";
import { isHeldOut, parseJson, present } from "./parts.ts";

const SIDE = 64;
const LIST = "package/icons.json";

const iconsSchema = z.object({
  width: z.int().positive(),
  height: z.int().positive(),
  icons: z.record(z.string(), z.object({ body: z.string(), hidden: z.boolean().optional() })),
});

/** White icons on black, with their names. */
export const gameIcons = defineDataset({
  card: {
    name: "game-icons",
    title: "Game icons with names",
    summary:
      "4,133 icons for games, white on black, each with a name of one to six words: swords, animals, potions, tools, abstract marks.",
    source: "game-icons.net: icons by Lorc, Delapouite and other contributors; npm package @iconify-json/game-icons",
    licence: "CC BY 3.0: whoever shows the icons or what was made of them names game-icons.net and its authors",
    package: {
      name: "@iconify-json/game-icons",
      version: "1.2.4",
      integrity: "sha512-/HDDZxowXgDJcOEwPspUCq5RuDdl25OyZKdtxqqiPJQNTrWIym7r4StLzIVs77DyNzOWWhH5wDqwYR3WHeDfkg==",
      bytes: 2_739_244,
      unpackedBytes: 6_474_240,
    },
    version: 1,
    splits: { train: 3_685, test: 448 },
    splitNote: "Our own: a tenth is held out by a hash of the name.",
    shape: [1, SIDE, SIDE],
    range: "0..255 bytes",
    classes: [],
    bias:
      "What players of fantasy games look for: weapons, skulls, armour, spells; little of daily life. Series of near-repeats (cards, dice, tarot, shields, " +
      "121 abstract marks) lie in both splits. Two authors drew most of it, each in one hand.",
    fit: "pad",
  },
  prepare: prepareIcons,
});

function prepareIcons(): Preparation {
  let icons: z.infer<typeof iconsSchema> | undefined;
  return {
    wanted: (path) => path === LIST,
    add(path, bytes) {
      const checked = iconsSchema.safeParse(parseJson(bytes, path));
      if (!checked.success) {
        const [issue] = checked.error.issues;
        throw new FileError({
          what: "The file of icons is not what it should be.",
          where: `${path}, ${issue.path.join(".")}`,
          got: issue.message,
        });
      }
      icons = checked.data;
    },
    finish: (tools) => draw(present(icons, LIST), tools),
  };
}

/** In a shuffled order, so that a part of the set is not one letter of the alphabet. Hidden icons were withdrawn by their makers. */
async function draw({ icons, width, height }: z.infer<typeof iconsSchema>, tools: MakingTools): Promise<Record<Split, SplitArrays>> {
  const names = Object.keys(icons).filter((name) => icons[name].hidden !== true);
  new RandomStream(0, "game-icons order").shuffle(names);
  const start = performance.now();
  const arrays = async (part: string[]): Promise<SplitArrays> => {
    tools.onProgress?.(`drawing ${part.length} icons`, Math.floor((performance.now() - start) / 1000));
    const svgs = part.map((name) => {
      const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${SIDE}" height="${SIDE}"`;
      return `${head} fill="#fff" color="#fff">${icons[name].body}</svg>`;
    });
    return { images: await tools.rasterise(svgs, [1, SIDE, SIDE]), names: part.map((name) => name.replaceAll("-", " ")) };
  };
  const test = await arrays(names.filter(isHeldOut));
  return { train: await arrays(names.filter((name) => !isHeldOut(name))), test };
}
