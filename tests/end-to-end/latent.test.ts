// Verbs on codes and on what pictures shall show, on a run of seconds with pictures made here.
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { decode } from "fast-png";
import { beforeAll, describe, expect, it } from "vitest";
import { encodePng, readPngText } from "../../src/report/png.ts";
import { Sandbox } from "./harness.ts";

const sandbox = await Sandbox.create();
let picture: string;

beforeAll(async () => {
  const pictures = await sandbox.pictures("pictures", 40);
  picture = path.join(pictures, "left", "left-0.png");
  const train = (model: string, ...more: string[]) => done("train", model, "--preset", "smoke", "--data", pictures, ...more);
  await train("vae", "--run", "vae", "--steps", "8");
  await train("vae", "--run", "without", "--steps", "4", "--without", "right");
  await train("pixelcnn", "--run", "pixels", "--steps", "2");
  await train("mlp", "--run", "mlp", "--steps", "8", "--set", "classes=2", "--set", "image=[1,8,8]");
});

const file = (name: string) => sandbox.path(name);
/** Run inside the test's process, to a good end. */
async function done(...args: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await sandbox.inside([...args, "--json"]);
  if (code !== 0) throw new Error(`${args.join(" ")}: ${err}`);
  return JSON.parse(out) as Record<string, unknown>;
}
async function refused(...args: string[]): Promise<string> {
  const { code, out, err } = await sandbox.inside(args);
  expect([code, out]).toEqual([2, ""]);
  return err;
}
const sizeOf = async (name: string) => {
  const { width, height } = decode(await readFile(file(name)));
  return [width, height];
};

describe("codes", () => {
  it("go into a file and come back as pictures", async () => {
    const encoded = await done("encode", "vae", picture, "0", "--out", file("codes.json"));
    expect(encoded).toMatchObject({ run: "vae", model: "vae", count: 2, size: 2 });
    const stored = JSON.parse(await readFile(file("codes.json"), "utf8")) as { codes: number[][]; pictures: string[] };
    expect([stored.codes.map((row) => row.length), stored.pictures]).toEqual([
      [2, 2],
      [picture, "0"],
    ]);
    await done("decode", "vae", file("codes.json"), "--out", file("decoded.png"));
    await writeFile(file("bare.json"), JSON.stringify(stored.codes));
    await done("decode", "vae", file("bare.json"), "--out", file("bare.png"));
    const pixels = async (name: string) => Buffer.from(decode(await readFile(file(name))).data).toString("hex");
    expect(await pixels("bare.png")).toBe(await pixels("decoded.png"));
    expect(readPngText(await readFile(file("decoded.png")))).toMatchObject({ run: "vae", codes: "codes.json", count: "2" });
  });

  it("of a picture of another size say what was done to it", async () => {
    const { code, err } = await sandbox.inside(["encode", "vae", picture]);
    expect([code, err]).toEqual([0, "note: <folder>/pictures/left/left-0.png: resized from 16 x 16 to 8 x 8, made grey\n"]);
    await done("reconstruct", "vae", picture, "1", "--out", file("pairs.png"));
    expect(await sizeOf("pairs.png")).toEqual([2 * 66 + 2, 2 * 64 + 8]);
  });

  it("morph from one picture to another", async () => {
    for (const method of ["linear", "spherical"])
      await done("interpolate", "vae", "--from", picture, "--to", "1", "--steps", "5", "--method", method, "--out", file("morph.png"));
    expect((await sizeOf("morph.png"))[0]).toBe(7 * 66 + 2);
  });

  it("that are none, or of another model, are refused", async () => {
    await writeFile(file("wide.json"), "[[1, 2, 3]]");
    await writeFile(file("ragged.json"), "[[1, 2], [3]]");
    const said = await Promise.all(["wide.json", "ragged.json", "none.json"].map((name) => sandbox.inside(["decode", "vae", file(name)])));
    expect(said.map(({ err }) => err.split("\n")[0])).toEqual([
      "The codes are not of this model's size.",
      "The file does not hold codes.",
      "The codes cannot be read.",
    ]);
  });
});

describe("attribute", () => {
  it("moves along a class, lists and checks", async () => {
    await done("attribute", "vae", "--name", "left", "--strength", "1", "--pictures", "3", "--out", file("left.png"));
    expect((await sizeOf("left.png"))[0]).toBe(6 * 66 + 2);
    const counts = (await done("attribute", "vae", "--list")) as unknown as { name: string; with: number }[];
    expect(counts.map(({ name }) => name)).toEqual(["left", "right"]);
    const { checks } = (await done("attribute", "vae", "--check", "--classifier", "mlp")) as { checks: Record<string, unknown>[] };
    expect(checks).toHaveLength(2);
    expect(checks[0]).toMatchObject({
      name: "left",
      flipped: expect.any(Number),
      unchanged: expect.any(Number),
      accuracy: expect.any(Number),
    });
  });

  it("refuses what is not there, too strong, or not told", async () => {
    expect(await refused("attribute", "vae", "--name", "lefft")).toContain('did you mean "left"?');
    expect(await refused("attribute", "vae", "--name", "left", "--strength", "11")).toContain("a number from -10 to 10");
    for (const none of ["much", ""])
      expect(await refused("attribute", "vae", "--name", "left", "--strength", none)).toContain("It must be a number.");
    expect(await refused("attribute", "vae")).toContain("Which attribute?");
    expect(await refused("attribute", "vae", "--check")).toContain("--classifier RUN");
  });
});

describe("latent", () => {
  it("shows codes, and how strange a class is", async () => {
    const answer = await done("latent", "vae", "--map", file("map.png"), "--histograms", file("histograms.png"), "--anomaly", "right");
    expect(answer).toMatchObject({ codeSize: 2, anomaly: { name: "right", metric: "elbo", trainedWithout: false } });
    const { anomaly } = (await done("latent", "without", "--anomaly", "right")) as { anomaly: { auc: number } };
    expect(anomaly).toMatchObject({ trainedWithout: true });
    expect(anomaly.auc).toBeGreaterThanOrEqual(0);
    expect(JSON.parse(await readFile(sandbox.path("runs", "without", "run.json"), "utf8")).data.without).toBe("right");
    expect(await refused("latent", "vae", "--anomaly", "wrong")).toContain('There is no class named "wrong".');
    expect(await refused("latent", "vae", "--map", file("x.png"), "--method", "tsne")).toContain("one of: umap, pca");
  });

  it("is refused by a model without an encoder, which names what it can do", async () => {
    expect(await refused("latent", "mlp")).toMatchInlineSnapshot(`
      "The model "mlp" cannot show its codes: it has no encoder.
        expected: what it can do: train, evaluate
      "
    `);
    expect(await refused("interpolate", "mlp", "--from", "0", "--to", "1")).toContain("cannot interpolate");
  });
});

describe("generate", () => {
  it("refuses what the model does not take", async () => {
    expect(await refused("generate", "vae", "--label", "left")).toContain("what it paints cannot be chosen");
    expect(await refused("generate", "vae", "--given", "0")).toContain("--given and --known belong together");
    expect(await refused("generate", "vae", "--given", "0", "--known", "top")).toMatchInlineSnapshot(`
      "The model "vae" cannot fill in a given picture.
        expected: what it can do: generate, reconstruct, encode, decode, interpolate, attribute, latent, train, evaluate
      "
    `);
    expect(await refused("generate", "pixels", "--given", "0", "--known", "middle")).toContain(
      "expected: top, bottom, left, right, or the path",
    );
    await writeFile(file("mask.png"), encodePng({ width: 8, height: 8, channels: 1, data: new Uint8Array(64) }));
    expect(await refused("generate", "pixels", "--given", "0", "--known", file("mask.png"))).toContain("The mask has no known pixel");
  });

  it("shows its way in a strip", async () => {
    const made = await done("generate", "vae", "--count", "3", "--frames", file("frames.png"), "--out", file("made.png"));
    expect(made.frames).toBe("<folder>/frames.png");
    expect(await sizeOf("frames.png")).toEqual([66 + 2, 3 * 66 + 2]);
  });
});
