import { expect, it } from "vitest";
import type { CodeMap } from "../../../../src/studio/explore.ts";
import { codeAt, loadedMap, nearest, thumbnailRows } from "./map-data.ts";

const codes = Float32Array.from({ length: 12 }, (_, i) => i);
const map: CodeMap = {
  ...{ format: 1, method: "pca", step: 3, count: 4, codeSize: 3 },
  points: [0, 0, 1, 0, 0, 1, 1, 1],
  codes: Buffer.from(codes.buffer).toString("base64"),
  thumbnails: { columns: 2, width: 8, height: 8 },
  directions: [],
};

it("gives a picture's place its own code, and mixes codes between", () => {
  const loaded = loadedMap(map);
  expect([...codeAt(loaded, 1, 0)]).toEqual([3, 4, 5]);
  const middle = codeAt(loaded, 0.5, 0.5);
  [4.5, 5.5, 6.5].forEach((value, i) => {
    expect(middle[i]).toBeCloseTo(value, 5);
  });
});

it("takes a place for the code where codes have two numbers", () => {
  const flat = loadedMap({ ...map, codeSize: 2, codes: Buffer.from(new Float32Array(8).buffer).toString("base64") });
  expect([...codeAt(flat, 0.25, -1)]).toEqual([0.25, -1]);
});

it("finds the nearest first, and shows one thumbnail a cell", () => {
  expect(nearest(map.points, 4, 0.9, 0.8).map(({ row }) => row)).toEqual([3, 1, 2, 0]);
  expect(thumbnailRows(loadedMap(map), 1)).toEqual([0]);
  expect(thumbnailRows(loadedMap(map), 8)).toEqual([0, 1, 2, 3]);
});
