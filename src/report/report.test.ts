import { decode } from "fast-png";
import { describe, expect, it } from "vitest";
import { FileError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import { Canvas } from "./canvas.ts";
import { imageGrid, imagePairs } from "./grid.ts";
import { colourOf, linePlot, scatterPlot } from "./plot.ts";
import { encodePng, readPngText } from "./png.ts";
import { niceTicks } from "./ticks.ts";

const raster = { width: 3, height: 2, channels: 3, data: Uint8Array.from({ length: 18 }, (_, i) => i * 14) } as const;
const text = { seed: "7", Comment: "größe ±1\nsecond line", model: "vae Δ 日本", empty: "" };

describe("encodePng", () => {
  it("keeps pixels and text, and other readers see the Latin-1 texts", () => {
    const png = encodePng(raster, text);
    const decoded = decode(png, { checkCrc: true });
    expect([decoded.width, decoded.height, decoded.channels, [...decoded.data]]).toEqual([3, 2, 3, [...raster.data]]);
    expect(decoded.text).toEqual({ seed: "7", Comment: text.Comment, empty: "" });
    expect(readPngText(png)).toEqual(text);
    expect(readPngText(encodePng({ width: 1, height: 1, channels: 1, data: Uint8Array.of(5) }))).toEqual({});
  });

  it("refuses data that do not fit and impossible keywords", () => {
    expect(() => encodePng({ ...raster, width: 4 })).toThrow("The picture's data do not fit its size.");
    for (const keyword of ["", " a", "a".repeat(80), "日"]) expect(() => encodePng(raster, { [keyword]: "x" })).toThrow("keyword");
  });
});

describe("readPngText", () => {
  it("throws nothing but FileError on garbled and truncated files", () => {
    const png = encodePng(raster, text);
    for (let length = 0; length < png.length; length++) expect(() => readPngText(png.subarray(0, length))).toThrow(FileError);
    const random = new RandomStream(1, "garble");
    for (let round = 0; round < 500; round++) {
      const garbled = png.slice();
      garbled[random.below(png.length)] ^= 1 << random.below(8);
      expect(() => readPngText(garbled, "x.png")).toThrow(FileError);
    }
  });
});

describe("imageGrid", () => {
  it("places, scales and clips pictures", () => {
    const data = Float32Array.of(0, 1, 0.5, 2, -1, Number.NaN);
    const grid = imageGrid({ data, shape: [3, 1, 1, 2] }, { columns: 2, gap: 1, scale: 2, ground: [9, 9, 9] });
    expect([grid.width, grid.height]).toEqual([11, 7]);
    const at = (x: number, y: number) => [...grid.data.subarray((y * 11 + x) * 3, (y * 11 + x) * 3 + 3)];
    expect([at(0, 0), at(1, 1), at(2, 2), at(3, 1), at(6, 1), at(8, 1)]).toEqual([
      [9, 9, 9],
      [0, 0, 0],
      [0, 0, 0],
      [255, 255, 255],
      [128, 128, 128],
      [255, 255, 255],
    ]);
    expect([at(1, 4), at(3, 4), at(6, 4)]).toEqual([
      [0, 0, 0],
      [255, 0, 255],
      [9, 9, 9],
    ]);
  });

  it("shows colour from planes, bytes as they are, and captions below", () => {
    const pictures = { data: Uint8Array.of(1, 2, 3), shape: [1, 3, 1, 1] as const };
    expect([...imageGrid(pictures, { gap: 0, scale: 1 }).data]).toEqual([1, 2, 3]);
    expect(imageGrid(pictures, { gap: 0, scale: 20, captions: ["one"] }).height).toBe(29);
  });

  it("refuses data that do not fit", () => {
    expect(() => imageGrid({ data: new Uint8Array(5), shape: [1, 1, 2, 2] })).toThrowErrorMatchingInlineSnapshot(`
      [ShapeError: The pictures' data do not fit their shape.
        got:      5 values for [1, 1, 2, 2]
        expected: [N, C, H, W] with C 1 or 3 and N at least 1]
    `);
    const pictures = { data: new Uint8Array(4), shape: [1, 1, 2, 2] as const };
    expect(() => imagePairs(pictures, { data: new Uint8Array(4), shape: [1, 1, 1, 4] })).toThrow("Pairs need pictures of the same shape.");
  });
});

describe("imagePairs", () => {
  it("puts originals above reconstructions", () => {
    const pairs = imagePairs(
      { data: Uint8Array.of(10, 20), shape: [2, 1, 1, 1] },
      { data: Uint8Array.of(30, 40), shape: [2, 1, 1, 1] },
      { gap: 0, scale: 1 },
    );
    expect([pairs.width, pairs.height, [0, 3, 6, 9].map((i) => pairs.data[i])]).toEqual([2, 2, [10, 20, 30, 40]]);
  });
});

describe("plots", () => {
  const count = (canvas: { data: Uint8Array }, [red, green, blue]: readonly number[]) => {
    let pixels = 0;
    for (let i = 0; i < canvas.data.length; i += 3) {
      if (canvas.data[i] === red && canvas.data[i + 1] === green && canvas.data[i + 2] === blue) pixels++;
    }
    return pixels;
  };

  it("draws points in their class's colour, the same each time", () => {
    const options = {
      points: Float32Array.of(0, 0, 1, 1, Number.NaN, 2, 5, 5),
      classes: [0, 1, 1, 1],
      names: ["a", "b"],
      title: "t",
      xLabel: "x",
      yLabel: "y",
    };
    const plot = scatterPlot(options);
    expect([plot.width, plot.height]).toEqual([900, 800]);
    expect(count(plot, colourOf(0))).toBeGreaterThan(20);
    expect(Buffer.compare(scatterPlot(options).data, plot.data)).toBe(0);
    expect(() => scatterPlot({ ...options, classes: [1] })).toThrow("Each point needs two coordinates and one class.");
    expect(scatterPlot({ points: new Float32Array(0) }).width).toBe(900);
  });

  it("draws curves with gaps and single points, and survives constant ones", () => {
    const series = [{ name: "a", x: [0, 1, 2, 3, 4], y: [1, Number.NaN, 1, 1, Number.POSITIVE_INFINITY] }];
    expect(count(linePlot({ series, width: 300, height: 200 }), colourOf(0))).toBeGreaterThan(50);
    expect(() => linePlot({ series: [{ name: "a", x: [1], y: [] }] })).toThrow("A curve needs as many x as y.");
  });

  it("gives curves with long names the whole width, the names above them", () => {
    const columnsOf = (name: string) => {
      const { data, width } = linePlot({ series: [{ name, x: [0, 1], y: [0, 1] }], width: 400, height: 300 });
      const [red, green, blue] = colourOf(0);
      const columns = [];
      for (let i = 0; i < data.length; i += 3)
        if (data[i] === red && data[i + 1] === green && data[i + 2] === blue) columns.push((i / 3) % width);
      return Math.max(...columns) - Math.min(...columns);
    };
    expect(columnsOf("correlation with the picture")).toBeGreaterThan(250);
  });

  it("finds round ticks", () => {
    expect(niceTicks([0, 10], 5)).toEqual({ low: 0, high: 10, values: [0, 2, 4, 6, 8, 10], texts: ["0", "2", "4", "6", "8", "10"] });
    expect(niceTicks([-0.13, 0.21], 8).texts).toEqual(["-0.10", "-0.05", "0.00", "0.05", "0.10", "0.15", "0.20"]);
    expect(niceTicks([0, 3e7], 3).texts).toEqual(["0.0e+0", "1.0e+7", "2.0e+7", "3.0e+7"]);
  });
});

describe("Canvas", () => {
  it("draws letters, upright and turned, and ignores what lies outside", () => {
    const ink = (canvas: Canvas) => canvas.data.reduce((sum, value) => sum + (255 - value), 0);
    const [across, up, outside] = [new Canvas(40, 40), new Canvas(40, 40), new Canvas(40, 40)];
    across.text(2, 2, "Az", { scale: 2 });
    up.text(2, 38, "Az", { scale: 2, vertical: true });
    outside.text(-50, -50, "Az~\u00e9");
    outside.disc(-9, -9, 3, [0, 0, 0]);
    expect(ink(across)).toBeGreaterThan(1000);
    expect(ink(up)).toBe(ink(across));
    expect(ink(outside)).toBe(0);
  });
});
