// Writes the facts of each data set's card into docs/data.md, between the marks <!-- card NAME --> and <!-- end -->.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { DataCard } from "../src/data/dataset.ts";
import type { PointCard } from "../src/data/points.ts";
import { datasets } from "../src/data/sets/index.ts";

export const page = fileURLToPath(new URL("../docs/data.md", import.meta.url));

/** A card as a list. */
export function facts(card: DataCard | PointCard): string {
  const { train, test } = card.splits;
  const rows = [
    ["Source", card.source],
    ["Licence", card.licence],
    [
      "Comes from",
      card.package === undefined
        ? "drawn when first used"
        : `npm: ${card.package.name}@${card.package.version}, ${(card.package.bytes / 1e6).toFixed(1)} MB`,
    ],
    [
      "fit" in card ? "Pictures" : "Points",
      `${train.toLocaleString("en")} for training, ${test.toLocaleString("en")} held out.${card.splitNote ? ` ${card.splitNote}` : ""}`,
    ],
    ["Shape", `[${card.shape.join(", ")}], ${card.range}${"fit" in card ? fitting(card) : ""}`],
    ["Density", "formula" in card ? card.formula : ""],
    ["Classes", card.classes.join(", ")],
    ["Attributes", (card.attributes ?? []).map((name) => `\`${name}\``).join(", ")],
    ["Known bias", card.bias],
  ];
  return rows
    .filter(([, text]) => text !== "")
    .map(([name, text]) => `- **${name}.** ${text}`)
    .join("\n");
}

function fitting({ fit }: DataCard): string {
  return `; other shapes by ${fit === "pad" ? "padding with black" : "resizing"}`;
}

/** The page with every card's facts as they are now. @throws Error where the page lacks the marks of a data set */
export function withFacts(text: string): string {
  return datasets.reduce((done, { card }) => {
    const marks = new RegExp(`(<!-- card ${card.name} -->\n)[^]*?(<!-- end -->)`);
    if (!marks.test(done)) throw new Error(`docs/data.md has no place for the data set ${card.name}`);
    return done.replace(marks, (_, begin, end) => `${begin}\n${facts(card)}\n\n${end}`);
  }, text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, withFacts(readFileSync(page, "utf8")));
