// What the studio shows of models without running them: the pictures of docs/models, scaled down (studio/public/pictures, with a list of their sizes), and how
// many numbers each preset holds (studio/src/pages/garden/sizes.json). Run it after adding a model, a preset or a picture: node bin/ts.js scripts/studio-assets.ts [--pictures]
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import sharp from "sharp";
import { RandomStream } from "../src/core/random.ts";
import { type ModelRecord, models } from "../src/models/index.ts";
import { summary } from "../src/nn/module.ts";

const root = path.resolve(import.meta.dirname, "..");
const WIDEST = 560;
/** What all pictures together may take of the package, in bytes. */
export const MOST_BYTES = 1_000_000;

/** Names of the pictures in the models' pages, in the order of the pages. */
export function picturesUsed(): string[] {
  const folder = path.join(root, "docs/models");
  const pages = readdirSync(folder).sort();
  const texts = pages.map((page) => readFileSync(path.join(folder, page), "utf8"));
  return [
    ...new Set([
      "data-cifar10",
      ...texts.flatMap((text) => [...text.matchAll(/\]\(\.\.\/pictures\/([\w-]+)\.png\)/g)].map(([, name]) => name)),
    ]),
  ];
}

/** How many numbers a preset's network holds. */
export function sizeOf(record: ModelRecord, preset: string): number {
  return summary(record.build(record.presets[preset].config, new RandomStream(0, "count"))).total;
}

/** Where a page's first picture is not the one that shows best what the model makes; what classifiers look at stands for them. */
const preferred: Readonly<Record<string, string>> = { vae: "vae-faces-samples" };
const lookedAt = { name: "data-cifar10", alt: "pictures of CIFAR-10, which it names" };
const others: Readonly<Record<string, { name: string; alt: string }>> = { mlp: lookedAt, cnn: lookedAt };

/** What stands for each model in the garden: text that it wrote (a block `text` of its page), else the page's first picture with its words. */
function writeCovers(): void {
  const folder = path.join(root, "docs/models");
  const covers: Record<string, object> = { ...others };
  for (const page of readdirSync(folder).sort()) {
    const model = page.replace(/\.md$/, "");
    const markdown = readFileSync(path.join(folder, page), "utf8");
    const [, text] = /```text\n([^`]+)```/.exec(markdown) ?? [];
    const found = [...markdown.matchAll(/!\[([^\]]*)\]\(\.\.\/pictures\/([\w-]+)\.png\)/g)];
    const [, alt, name] = found.find((match) => match[2] === preferred[model]) ?? found[0] ?? [];
    if (text !== undefined) covers[model] = { text };
    else if (name !== undefined) covers[model] = { name, alt };
  }
  writeFileSync(path.join(root, "studio/src/pages/covers.json"), `${JSON.stringify(covers, null, 1)}\n`);
}

async function writePictures(): Promise<void> {
  const folder = path.join(root, "studio/public/pictures");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (let quality = 75; ; quality -= 5) {
    const made = await Promise.all(picturesUsed().map((name) => scaled(name, quality)));
    const bytes = made.reduce((sum, { data }) => sum + data.length, 0);
    if (bytes > MOST_BYTES) continue;
    for (const { name, data } of made) writeFileSync(path.join(folder, `${name}.webp`), data);
    const sizes = Object.fromEntries(made.map(({ name, width, height }) => [name, [width, height]]));
    writeFileSync(path.join(root, "studio/src/pages/pictures.json"), `${JSON.stringify(sizes)}\n`);
    console.log(`${made.length} pictures, ${bytes} bytes at quality ${quality}`);
    return;
  }
}

async function scaled(name: string, quality: number) {
  const picture = sharp(path.join(root, "docs/pictures", `${name}.png`)).resize({
    width: WIDEST,
    height: WIDEST,
    fit: "inside",
    withoutEnlargement: true,
  });
  const { data, info } = await picture.webp({ quality, effort: 6 }).toBuffer({ resolveWithObject: true });
  return { name, data, width: info.width, height: info.height };
}

function writeSizes(): void {
  const sizes = models.map((record) => [
    record.name,
    Object.fromEntries(Object.keys(record.presets).map((preset) => [preset, sizeOf(record, preset)])),
  ]);
  writeFileSync(path.join(root, "studio/src/pages/garden/sizes.json"), `${JSON.stringify(Object.fromEntries(sizes), null, 1)}\n`);
}

if (process.argv[1] === import.meta.filename) {
  await writePictures();
  writeCovers();
  if (!process.argv.includes("--pictures")) writeSizes();
}
