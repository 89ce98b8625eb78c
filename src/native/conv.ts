import { filterGradientPlan } from "./conv-filter.ts";
import { channelGradientPlan } from "./conv-filter-channels.ts";
import { type Correlation, correlationPlan, fits, type Pass, type Tap } from "./correlate.ts";
import { type KernelPlan, largestDivisor } from "./kernel.ts";
import { lineForm, type Scratch, scratchBytes, scratchOf, scratchOffset } from "./planes.ts";

// Convolution of pictures, its input gradient and its filter gradient, in terms of the two loops that do the work.

/** Sizes of a convolution [N, C, H, W] * [K, C / groups, R, S] -> [N, K, OH, OW]. */
export interface ConvSizes {
  readonly pictures: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly outChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly groups: number;
  /** Zeros above and to the left. */
  readonly top: number;
  readonly left: number;
}

/** A picture's scratch should stay in a core's own cache, most of a megabyte on the processors with these vectors. */
const scratchLimit = 1 << 20;
const sumsLimit = 12 << 20;

/** The input with its border, as the taps see it. */
function inputScratch(s: ConvSizes): Scratch {
  const [rowStep, columnStep] = s.strides;
  const rows = (s.outHeight - 1) * rowStep + (s.kernel[0] - 1) * s.dilations[0] + 1;
  const columns = (s.outWidth - 1) * columnStep + (s.kernel[1] - 1) * s.dilations[1] + 1;
  return scratchOf({
    channels: s.channels,
    height: s.height,
    width: s.width,
    top: s.top,
    left: s.left,
    rows: Math.max(rows, s.top + s.height),
    columns: Math.max(columns, s.left + s.width),
    stride: columnStep as 1 | 2,
  });
}

const eachTap = ({ kernel: [rows, columns] }: ConvSizes): [number, number][] =>
  Array.from({ length: rows * columns }, (_, i) => [Math.floor(i / columns), i % columns]);

/** A group's channels lie together, so a picture of g groups is g pictures, each with weights of its own. */
const groupwise = (s: ConvSizes): ConvSizes => ({
  ...s,
  pictures: s.pictures * s.groups,
  channels: s.channels / s.groups,
  outChannels: s.outChannels / s.groups,
});

/** y = conv(x, w), plus a bias [K] if there is one. Undefined where this loop is not the right one. */
export function convPlan(sizes: ConvSizes, bias: boolean, threads: number): KernelPlan | undefined {
  if (!suits(sizes, threads)) return undefined;
  const s = groupwise(sizes);
  const scratch = inputScratch(s);
  const taps = eachTap(s).map(
    ([r, q], i): Tap => ({ offset: scratchOffset(scratch, r * s.dilations[0], q * s.dilations[1]), weight: i * 4 }),
  );
  const filter = taps.length * 4;
  return plan({
    pictures: s.pictures,
    threads,
    scratch,
    sourceBytes: s.channels * s.height * s.width * 4,
    out: [s.outChannels, s.outHeight, s.outWidth],
    columns: s.outWidth,
    rowStep: s.strides[0],
    passes: [{ taps: [taps], rows: s.outHeight, start: 0, pitch: s.outWidth * 4 }],
    weightOut: s.channels * filter,
    weightIn: filter,
    groups: s.groups,
    weightGroup: s.outChannels * s.channels * filter,
    bias,
  });
}

/** Along an axis: which tap reaches which remainder of the input's positions, and from how far in the output. */
function meetings(s: ConvSizes, axis: 0 | 1, first: number): { phase: number; tap: number; shift: number }[] {
  const step = s.strides[axis];
  return Array.from({ length: s.kernel[axis] * step }, (_, i) => {
    const [phase, tap] = [i % step, Math.floor(i / step)];
    const distance = phase + first - tap * s.dilations[axis];
    return distance % step === 0 ? { phase, tap, shift: distance / step } : undefined;
  }).filter((entry) => entry !== undefined);
}

/** dx = the input gradient of a convolution, from dy and w: every remainder of rows and columns modulo the stride is a small convolution of dy. */
export function convInputPlan(sizes: ConvSizes, threads: number): KernelPlan | undefined {
  if (!suits(sizes, threads)) return undefined;
  const s = groupwise(sizes);
  const [rowStep, columnStep] = s.strides;
  const rows = meetings(s, 0, s.top);
  const columns = meetings(s, 1, s.left);
  const top = Math.max(0, -Math.min(...rows.map((entry) => entry.shift)));
  const left = Math.max(0, -Math.min(...columns.map((entry) => entry.shift)));
  const scratch = scratchOf({
    channels: s.outChannels,
    height: s.outHeight,
    width: s.outWidth,
    top,
    left,
    rows: Math.max(top + s.outHeight, top + Math.ceil(s.height / rowStep) + Math.max(...rows.map((entry) => entry.shift))),
    columns: Math.max(left + s.outWidth, left + Math.ceil(s.width / columnStep) + Math.max(...columns.map((entry) => entry.shift))),
    stride: 1,
  });
  const filter = s.kernel[0] * s.kernel[1] * 4;
  const tapsOf = (phase: number, side: number): Tap[] =>
    rows
      .filter((row) => row.phase === phase)
      .flatMap((row) =>
        columns
          .filter((column) => column.phase === side)
          .map((column) => ({
            offset: scratchOffset(scratch, row.shift + top, column.shift + left),
            weight: (row.tap * s.kernel[1] + column.tap) * 4,
          })),
      );
  const passes = Array.from(
    { length: Math.min(rowStep, s.height) },
    (_, phase): Pass => ({
      taps: Array.from({ length: columnStep }, (_, side) => tapsOf(phase, side)),
      rows: Math.ceil((s.height - phase) / rowStep),
      start: phase * s.width * 4,
      pitch: rowStep * s.width * 4,
    }),
  );
  return plan({
    pictures: s.pictures,
    threads,
    scratch,
    sourceBytes: s.outChannels * s.outHeight * s.outWidth * 4,
    out: [s.channels, s.height, s.width],
    columns: Math.ceil(s.width / columnStep),
    rowStep: 1,
    passes,
    weightOut: filter,
    weightIn: s.channels * filter,
    groups: s.groups,
    weightGroup: s.outChannels * s.channels * filter,
    bias: false,
  });
}

/** dw = the filter gradient of a convolution, from x and dy. Many output channels go side by side into the vectors, few leave them to the positions. */
export function convFilterPlan(sizes: ConvSizes, threads: number): KernelPlan | undefined {
  if (!suits(sizes, threads)) return undefined;
  const s = { ...sizes, channels: sizes.channels / sizes.groups };
  const whole = inputScratch(s);
  const taps = eachTap(s).map(([r, q]) => scratchOffset(whole, r * s.dilations[0], q * s.dilations[1]));
  const common = {
    pictures: s.pictures,
    threads,
    out: [s.outChannels, s.outHeight, s.outWidth] as const,
    rowStep: s.strides[0],
    taps,
    shape: [s.outChannels, s.channels, ...s.kernel],
  };
  const share = largestDivisor(s.channels, threads);
  const scratch = { ...whole, channels: s.channels / share };
  if (s.groups === 1 && s.outChannels >= 16 && share === threads && scratchBytes(scratch) <= scratchLimit)
    return channelGradientPlan({ ...common, scratch, channels: s.channels });
  if (s.outHeight * s.outWidth < 32) return undefined;
  if (scratchBytes(whole) > scratchLimit || s.outChannels * s.channels * taps.length * 64 > sumsLimit) return undefined;
  return filterGradientPlan({ ...common, scratch: whole, groups: s.groups, sourceBytes: s.channels * s.height * s.width * 4 });
}

/** One picture at a time is left to the runtime, as are products of single pixels, which are matrix products. */
function suits(s: ConvSizes, threads: number): boolean {
  const taps = s.kernel[0] * s.kernel[1];
  return s.pictures >= 2 * threads && taps > 1 && taps <= 49 && s.strides[0] <= 2 && s.strides[1] <= 2;
}

function plan(c: Correlation): KernelPlan | undefined {
  const sets = c.passes[0].taps.length;
  if (scratchBytes(c.scratch) > scratchLimit || !fits(lineForm(c.columns), sets)) return undefined;
  return correlationPlan(c);
}
