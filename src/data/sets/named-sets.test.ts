import { encode } from "fast-png";
import { describe, expect, it } from "vitest";
import { FileError } from "../../core/errors.ts";
import { rasterise } from "../node/rasterise.ts";
import { emoji } from "./emoji.ts";
import { gameIcons } from "./game-icons.ts";

const bytes = (value: unknown) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

/** A 64 x 64 PNG of one colour; two numbers are grey with alpha, four colour with alpha. */
function png(...pixel: number[]): Uint8Array {
  const data = Uint8Array.from({ length: 64 * 64 * pixel.length }, (_, i) => pixel[i % pixel.length]);
  return encode({ width: 64, height: 64, channels: pixel.length as 1 | 2 | 3 | 4, data });
}

describe("emoji", () => {
  const entry = (code: number, more = {}) => {
    const image = `${code.toString(16)}.png`;
    return { name: `FACE ${code}`, unified: code.toString(16).toUpperCase(), image, category: "Flags", ...more };
  };
  const picture = (code: number) => `package/img/google/64/${code.toString(16)}.png`;

  it("lays pictures on white, keeps what looks the same once, and has names and categories", () => {
    const preparation = emoji.prepare();
    const codes = Array.from({ length: 60 }, (_, i) => i + 1);
    for (const code of codes) preparation.add(picture(code), png(code, 0, 0, 255));
    preparation.add(picture(100), png(0, 51)); // grey, a fifth opaque
    preparation.add(picture(101), png(0, 51));
    expect(() => preparation.finish()).toThrow("The package lacks a file.");
    const list = [...codes, 100, 101].map((code) => entry(code));
    preparation.add("package/emoji.json", bytes([...list, entry(200, { category: "Component" })]));
    const { train, test } = preparation.finish();
    const all = [train, test].flatMap(({ names, labels, images }) =>
      names!.map((name, i) => ({ name, label: labels![i], red: images[i * 3 * 4096], green: images[i * 3 * 4096 + 4096] })),
    );
    expect(all).toHaveLength(61);
    expect(test.names!.length).toBeGreaterThan(0);
    expect(all.find(({ name }) => name === "face 7")).toEqual({ name: "face 7", label: 8, red: 7, green: 0 });
    expect(all.filter(({ green }) => green === 204)).toHaveLength(1);
  });

  it("does not take pictures of skin tones, and misses others", () => {
    const { wanted } = emoji.prepare();
    const names = ["1f44b", "1f44b-1f3fb", "1f469-1f3ff-200d-1f680", "2764-fe0f"];
    expect(names.map((name) => wanted(`package/img/google/64/${name}.png`))).toEqual([true, false, false, true]);
    expect([wanted("package/emoji.json"), wanted("package/img/google/sheets/64.png")]).toEqual([true, false]);
    const { add, finish } = emoji.prepare();
    add("package/emoji.json", bytes([entry(1)]));
    expect(() => finish()).toThrow("package/img/google/64/1.png");
  });

  it("refuses other pictures and lists", () => {
    const { add } = emoji.prepare();
    expect(() => add(picture(1), encode({ width: 2, height: 2, channels: 3, data: new Uint8Array(12) }))).toThrow("2 x 2, 3 channels");
    const good = png(1, 2, 3);
    // Without its last chunk, which holds nothing, a picture is still whole.
    for (let length = 0; length < good.length - 20; length += 3) expect(() => add(picture(1), good.subarray(0, length))).toThrow(FileError);
    for (const list of ["", "{}", [{ name: 3 }], [null]]) expect(() => add("package/emoji.json", bytes(list))).toThrow(FileError);
  });
});

describe("game-icons", () => {
  const tools = { rasterise };

  it("draws icons white on black, without those withdrawn", async () => {
    const preparation = gameIcons.prepare();
    const icons: Record<string, { body: string; hidden?: boolean }> = { gone: { body: "", hidden: true } };
    for (let i = 0; i < 40; i++) icons[`right-half-${i}`] = { body: '<path fill="currentColor" d="M256 0h256v512h-256z"/>' };
    preparation.add("package/icons.json", bytes({ width: 512, height: 512, icons }));
    const { train, test } = await preparation.finish(tools);
    expect(train.names!.length + test.names!.length).toBe(40);
    expect(train.names).toContain("right half 1");
    expect(train.images.length).toBe(train.names!.length * 4096);
    expect([train.images[0], train.images[31], train.images[32], train.images[4095]]).toEqual([0, 0, 255, 255]);
  });

  it("refuses other files and drawings", async () => {
    const { add, finish } = gameIcons.prepare();
    expect(() => finish(tools)).toThrow("The package lacks a file.");
    for (const file of ["", "[]", { width: 1, height: 1 }, { width: 1, height: 1, icons: { a: {} } }]) {
      expect(() => add("package/icons.json", bytes(file))).toThrow(FileError);
    }
    add("package/icons.json", bytes({ width: 512, height: 512, icons: { broken: { body: "<path" } } }));
    await expect(finish(tools)).rejects.toThrow("A drawing cannot be turned into pixels.");
  });
});
