import { expect, test } from "vitest";
import { RandomStream } from "../core/random.ts";
import type { ImageSet } from "../data/dataset.ts";
import { conditionalGan } from "../models/gans/conditional-gan.ts";
import { dcgan } from "../models/gans/dcgan.ts";
import { openBackend } from "../runtime/node/open.ts";
import { ClassWatch } from "./class-watch.ts";

const classes = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const held = { kind: "images", card: { name: "mnist", fit: "pad" }, split: "test", shape: [1, 8, 8], classes } as unknown as ImageSet;

test("samples of a GAN are named by the features of its data, the same each time", async () => {
  const backend = await openBackend({ device: "cpu" });
  const { config } = dcgan.presets.smoke;
  const context = { record: dcgan as never, config, network: dcgan.build(config, new RandomStream(0, "watch")), backend };
  const watch = ClassWatch.open(context, held, "mnist", backend)!;
  const { counts, names } = await watch.look(context, "0");
  expect(names).toEqual(classes);
  expect(counts.reduce((a, b) => a + b)).toBe(400);
  expect((await watch.look(context, "0")).counts).toEqual(counts);
});

test("nothing is watched without a classifier of the data, or where the model is told the class", async () => {
  const backend = await openBackend({ device: "cpu" });
  expect(ClassWatch.open({ record: dcgan as never }, held, "/some/folder", backend)).toBeUndefined();
  expect(ClassWatch.open({ record: dcgan as never }, held, undefined, backend)).toBeUndefined();
  expect(ClassWatch.open({ record: conditionalGan as never }, held, "mnist", backend)).toBeUndefined();
});
