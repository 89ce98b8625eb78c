// What a user can get wrong: each with a message that says what to do, the right exit code, and nothing left behind.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { datasets } from "../../src/data/index.ts";
import { findModel, models } from "../../src/models/index.ts";
import { encodePng } from "../../src/report/png.ts";
import { Sandbox } from "./harness.ts";

const sandbox = await Sandbox.create();
let pictures: string;

beforeAll(async () => {
  pictures = await sandbox.pictures("pictures");
});

/** The message and the exit code, after checking that no run and no unfinished file came of it. */
async function refused(args: string[], env: Record<string, string> = {}): Promise<string> {
  const before = await sandbox.runs();
  const { code, out, err } = await sandbox.inside(args, env);
  expect(code).not.toBe(0);
  expect(out).toBe("");
  expect(await sandbox.runs()).toEqual(before);
  expect((await sandbox.files()).filter((file) => file.endsWith(".partial") || file.startsWith("cache/tmp/"))).toEqual([]);
  return `exit code ${code}\n${err.replace(/^preparing pictures: .*\n/gm, "")}`;
}

/** The same, with the list of all known names, which grows, as `ALL`. */
async function listed(args: string[], names: readonly string[]): Promise<string> {
  return (await refused(args)).replace(`one of: ${names.join(", ")}\n`, "one of: ALL\n");
}

const train = (model: string, ...more: string[]) => ["train", model, "--preset", "smoke", "--data", pictures, ...more];

describe("names and settings", () => {
  it("an unknown model", async () => {
    const known = models.map(({ name }) => name);
    expect(await listed(train("vaee"), known)).toMatchInlineSnapshot(`
      "exit code 2
      There is no model named "vaee".
        expected: one of: ALL
        try:      did you mean "vae"?
      "
    `);
  });

  it("an unknown preset", async () => {
    const presets = Object.keys(findModel("vae").presets);
    expect(await listed(["train", "vae", "--preset", "smal", "--data", pictures], presets)).toMatchInlineSnapshot(`
      "exit code 2
      There is no preset named "smal".
        expected: one of: ALL
        try:      did you mean "small"?
      "
    `);
  });

  it("an unknown setting", async () => {
    const message = await refused(train("vae", "--set", "klWieght=2"));
    expect(message).toMatch(/^ {4}klWeight +number from 0 to 1000 /m);
    expect(message.replace(/^ {4}\w.*\n/gm, "")).toMatchInlineSnapshot(`
      "exit code 2
      There is no setting named "klWieght".
        expected: one of (name, type, default, meaning)
        try:      did you mean "klWeight"?
      "
    `);
  });

  it("a setting of a wrong type, out of range, or without a value", async () => {
    expect(await refused(train("vae", "--set", "klWeight=much"))).toMatchInlineSnapshot(`
      "exit code 2
      The setting "klWeight" cannot have this value.
        got:      "much"
        expected: number from 0 to 1000 (weight of the KL term; 1 is the paper, above 1 is a beta-VAE)
      "
    `);
    expect(await refused(train("vae", "--set", "codeSize=0"))).toMatchInlineSnapshot(`
      "exit code 2
      The setting "codeSize" cannot have this value.
        got:      0
        expected: integer from 1 to 4096 (numbers in a code)
      "
    `);
    expect(await refused(train("vae", "--set", "image=[2,8,8]"))).toMatchInlineSnapshot(`
      "exit code 2
      The setting "image" cannot have this value.
        got:      [2,8,8]
        expected: list [1 or 3, integer from 8 to 512, integer from 8 to 512] or list [integer from 1 to 4096] (channels (1 grey, 3 colour), height and width, the sides divisible by 2 for each convolution; [D] for points of D numbers)
      "
    `);
    expect(await refused(train("vae", "--set", "optimizer=adma"))).toMatchInlineSnapshot(`
      "exit code 2
      The setting "optimizer" cannot have this value.
        got:      "adma"
        expected: "sgd" or "rmsprop" or "adam" or "adamw" (the update rule)
      "
    `);
    expect(await refused(train("vae", "--set", "ema"))).toMatchInlineSnapshot(`
      "exit code 2
      A setting has no value.
        got:      --set ema
        expected: --set key=value
      "
    `);
  });

  it("an option of a wrong type", async () => {
    expect(await refused(train("vae", "--steps", "-3"))).toMatchInlineSnapshot(`
      "exit code 2
      error: option '--steps <n>' argument '-3' is invalid. It must be a whole number of at least 1.
      (atelier train --help lists the options)
      "
    `);
    expect(await refused(train("vae", "--epochs", "many"))).toMatchInlineSnapshot(`
      "exit code 2
      error: option '--epochs <n>' argument 'many' is invalid. It must be a number above 0.
      (atelier train --help lists the options)
      "
    `);
    expect(await refused(train("vae", "--batch", "2.5"))).toMatchInlineSnapshot(`
      "exit code 2
      error: option '--batch <n>' argument '2.5' is invalid. It must be a whole number of at least 1.
      (atelier train --help lists the options)
      "
    `);
  });

  it("a batch larger than the data", async () => {
    expect(await refused(train("vae", "--batch", "1000"))).toMatchInlineSnapshot(`
      "exit code 2
      The batch is larger than the data set.
        where:    <folder>/pictures, train split
        got:      a batch of 1000 out of 39 pictures
        try:      choose a batch of at most 39, or more data
      "
    `);
  });

  it("a device that is not there, and one that is none", async () => {
    const device = process.platform === "win32" ? "coreml" : "dml"; // never built in here
    const told = (await refused(train("vae", "--device", device))).replaceAll(device, "DEVICE");
    expect(told.replace(/built with .*/, "built with ...").replace(/it comes with .*/, "...")).toMatchInlineSnapshot(`
      "exit code 1
      The device "DEVICE" is not available.
        got:      ONNX Runtime built with ...
        try:      use --device cpu; for DEVICE: ...
      "
    `);
    expect(await refused(train("vae", "--device", "gpu"))).toMatchInlineSnapshot(`
      "exit code 2
      There is no device named "gpu".
        expected: one of: cpu, webgpu, cuda, coreml, dml
      "
    `);
  });

  it("a run that is not there", async () => {
    expect(await refused(["evaluate", "nothing"])).toMatchInlineSnapshot(`
      "exit code 2
      There is no run named "nothing".
        where:    <folder>/runs
        expected: no runs there yet
        try:      see "atelier runs"; the path of a run's folder works too
      "
    `);
    expect(await refused(["train", "--resume", "--run", "nothing"])).toMatchInlineSnapshot(`
      "exit code 2
      There is no run named "nothing".
        where:    <folder>/runs
        expected: no runs there yet
        try:      see "atelier runs"; the path of a run's folder works too
      "
    `);
    expect(await refused(["train", "--resume"])).toMatchInlineSnapshot(`
      "exit code 2
      There is no unfinished run to go on with.
        try:      name one with --run, or start anew without --resume; atelier runs lists them
      "
    `);
  });

  it("a run's name that is taken, or cannot be one", async () => {
    await sandbox.inside(train("vae", "--steps", "1", "--run", "mine"));
    expect(await refused(train("vae", "--run", "mine"))).toMatchInlineSnapshot(`
      "exit code 2
      There is already a run named "mine".
        try:      go on with it: atelier train --resume --run mine; or choose another name
      "
    `);
    expect(await refused(train("vae", "--run", "../mine"))).toMatchInlineSnapshot(`
      "exit code 2
      A run cannot have this name.
        got:      "../mine"
        expected: 1 to 64 letters, digits, - and _, beginning with a letter or digit
      "
    `);
  });
});

describe("data", () => {
  const withData = (folder: string, model = "vae") => ["train", model, "--preset", "smoke", "--data", sandbox.path(folder)];

  it("an unknown data set", async () => {
    const known = datasets.map(({ card }) => card.name);
    expect(await listed(["train", "vae", "--data", "fashion-mnits"], known)).toMatchInlineSnapshot(`
      "exit code 2
      There is no data set named "fashion-mnits".
        expected: one of: ALL
        try:      did you mean "fashion-mnist"?
      "
    `);
  });

  it("a folder that is not there, is empty, or is a file", async () => {
    expect(await refused(withData("nowhere"))).toMatchInlineSnapshot(`
      "exit code 1
      The folder of pictures cannot be read.
        where:    <folder>/nowhere
        got:      ENOENT: no such file or directory, stat '<folder>/nowhere'
        try:      check the path: it, or a folder on the way to it, does not exist
      "
    `);
    await mkdir(sandbox.path("empty"));
    expect(await refused(withData("empty"))).toMatchInlineSnapshot(`
      "exit code 1
      The folder has no pictures.
        where:    <folder>/empty
        got:      an empty folder
        expected: files ending in .png, .jpg, .jpeg or .webp
      "
    `);
    await writeFile(sandbox.path("file.png"), "");
    expect(await refused(withData("file.png"))).toMatchInlineSnapshot(`
      "exit code 1
      A folder of pictures is needed, and this is a file.
        where:    <folder>/file.png
        try:      give the folder the file lies in
      "
    `);
  });

  it("pictures that are broken, no pictures, of one pixel, or of 20,000 pixels", async () => {
    await sandbox.pictures("bad", 4, false);
    const good = await readFile(sandbox.path("bad", "left-0.png"));
    await writeFile(sandbox.path("bad", "broken.png"), good.subarray(0, good.length / 2));
    await writeFile(sandbox.path("bad", "letter.png"), "Dear picture,\n");
    const blank = (width: number, height: number) => encodePng({ width, height, channels: 1, data: new Uint8Array(width * height) });
    await writeFile(sandbox.path("bad", "point.png"), blank(1, 1));
    await writeFile(sandbox.path("bad", "wide.png"), blank(20_000, 16));
    expect(await refused(withData("bad"))).toMatchInlineSnapshot(`
      "exit code 1
      4 pictures cannot be used.
        where:    <folder>/bad/broken.png: broken: it cannot be decoded to its end
                  <folder>/bad/letter.png: no picture, or of a format that cannot be read
                  <folder>/bad/point.png: 1 x 1 pixels: too small
                  <folder>/bad/wide.png: 20000 x 16 pixels: too large, scale it down first
        expected: whole PNG, JPEG or WebP pictures, 8 to 16384 pixels a side and at most 100 million in all
        try:      mend or remove them, and run again
      "
    `);
  });

  it("no classes where the model learns from labels, or too many", async () => {
    await sandbox.pictures("flat", 10, false);
    expect(await refused(withData("flat", "cnn"))).toMatchInlineSnapshot(`
      "exit code 2
      The model "cnn" learns from labels, and these data have none.
        where:    <folder>/flat
        try:      put the pictures into one sub-folder a class, or choose a data set with labels
      "
    `);
    expect(await refused(train("cnn", "--set", "classes=1"))).toMatchInlineSnapshot(`
      "exit code 2
      The setting "classes" cannot have this value.
        got:      1
        expected: integer from 2 to 10000 (number of classes)
      "
    `);
    await mkdir(sandbox.path("three", "other"), { recursive: true });
    await sandbox.pictures("three", 10);
    await writeFile(sandbox.path("three", "other", "a.png"), await readFile(sandbox.path("flat", "left-0.png")));
    expect(await refused([...withData("three", "cnn"), "--set", "classes=2"])).toMatchInlineSnapshot(`
      "exit code 1
      The data have more classes than the model tells apart.
        where:    <folder>/three
        got:      3 classes
        expected: at most 2
        try:      train with --set classes=3
      "
    `);
  });
});
