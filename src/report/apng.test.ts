import { decode, decodeApng } from "fast-png";
import { expect, it } from "vitest";
import { appendFrame, encodeApng, frameCount } from "./apng.ts";
import { type Raster, readPngText } from "./png.ts";

const frame = (grey: number, width = 5): Raster => ({ width, height: 3, channels: 3, data: new Uint8Array(width * 3 * 3).fill(grey) });

it("frames come back as another program reads them, with their delays, and a plain reader sees the first", () => {
  const file = encodeApng([frame(10), frame(20), frame(30)], { delay: 80, rest: 900, text: { run: "vae-001" } });
  const { frames, numberOfFrames, numberOfPlays } = decodeApng(file);
  expect([numberOfFrames, numberOfPlays, frameCount(file)]).toEqual([3, 0, 3]);
  expect(frames.map(({ data }) => data[7])).toEqual([10, 20, 30]);
  expect(frames.map(({ delayNumber, delayDenominator }) => (1000 * delayNumber) / delayDenominator)).toEqual([80, 80, 900]);
  expect(decode(file).data[0]).toBe(10);
  expect(readPngText(file)).toEqual({ run: "vae-001" });
});

it("a frame is appended after those that are kept", () => {
  const one = appendFrame(undefined, frame(1), 4);
  const two = appendFrame(one, frame(2), 1);
  const three = appendFrame(two, frame(3), 2);
  expect(decodeApng(three).frames.map(({ data }) => data[0])).toEqual([1, 2, 3]);
  expect(decodeApng(appendFrame(three, frame(9), 1)).frames.map(({ data }) => data[0])).toEqual([1, 9]);
  expect(frameCount(appendFrame(three, frame(9), 0))).toBe(1);
});

it("refuses frames of other sizes, none, and damaged files", () => {
  expect(() => encodeApng([frame(1), frame(2, 6)])).toThrow("The frames of an animation must have one size.");
  expect(() => encodeApng([])).toThrow("An animation needs a frame.");
  const file = encodeApng([frame(1), frame(2)]);
  expect(() => appendFrame(file.subarray(0, 60), frame(3), 1)).toThrow("PNG file");
});
