/** The ranges that pixel values come in, by name, and the ways between them: never guessed from the values. */
import { ShapeError, UsageError, unknownName } from "../core/errors.ts";
import { constant } from "../graph/ops/source.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ImageSet } from "./dataset.ts";

/**
 * `unit` is from 0 to 1, what loaders give and samples have; `symmetric` from -1 to 1, what models with a final tanh work in; `bytes` from 0 to 255,
 * what files hold; in `standard` each channel has mean 0 and variance 1 over a data set.
 */
export type RangeName = "unit" | "symmetric" | "bytes" | "standard";

/** A range as an affine map of each channel: value = intensity · scale + shift, with the intensity in [0, 1]. One number serves all channels. */
export interface ValueRange {
  readonly name: RangeName;
  readonly scale: readonly number[];
  readonly shift: readonly number[];
}

/** Mean and standard deviation of each channel's intensities in [0, 1]. */
export interface ChannelStatistics {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

const fixed: Record<Exclude<RangeName, "standard">, ValueRange> = {
  unit: { name: "unit", scale: [1], shift: [0] },
  symmetric: { name: "symmetric", scale: [2], shift: [-1] },
  bytes: { name: "bytes", scale: [255], shift: [0] },
};

/** The range of that name; `standard` needs the statistics of a data set. @throws UsageError for another name, or where they are missing */
export function valueRange(name: RangeName, statistics?: ChannelStatistics): ValueRange {
  if (name !== "standard") {
    if (!Object.hasOwn(fixed, name)) throw unknownName("range", name, [...Object.keys(fixed), "standard"]);
    return fixed[name];
  }
  if (statistics === undefined) {
    throw new UsageError({ what: "The standard range needs the statistics of a data set.", hint: "pass channelStatistics(set)" });
  }
  const { mean, deviation } = statistics;
  return { name, scale: deviation.map((value) => 1 / value), shift: mean.map((value, channel) => -value / deviation[channel]) };
}

/** Statistics of a set's channels, intensities in [0, 1]; a channel that never changes has deviation 1, so that it stays finite. */
export function channelStatistics({ images, shape: [channels, height, width], count }: ImageSet): ChannelStatistics {
  const area = height * width;
  const statistics = Array.from({ length: channels }, (_, channel) => {
    // Sums of bytes and their squares are exact: below 2^53 for 10^11 pixels.
    let [sum, squares] = [0, 0];
    for (let picture = 0; picture < count; picture++) {
      const start = (picture * channels + channel) * area;
      for (let i = start; i < start + area; i++) {
        sum += images[i];
        squares += images[i] * images[i];
      }
    }
    const mean = sum / (count * area);
    return { mean: mean / 255, deviation: Math.sqrt(Math.max(0, squares / (count * area) - mean * mean)) / 255 || 1 };
  });
  return { mean: statistics.map(({ mean }) => mean), deviation: statistics.map(({ deviation }) => deviation) };
}

/** Pictures [B, C, H, W] with intensities in [0, 1], in the range. @throws ShapeError when the range has another number of channels */
export function toRange(images: Tensor, range: ValueRange): Tensor {
  const { scale, shift } = factors(images, range);
  return images.mul(scale).add(shift);
}

/** Pictures [B, C, H, W] of the range, with intensities in [0, 1]; not clipped. @throws as {@link toRange} */
export function fromRange(images: Tensor, range: ValueRange): Tensor {
  const { scale, shift } = factors(images, range);
  return images.sub(shift).div(scale);
}

/**
 * Intensities in [0, 1] as values of the range, in an array of their own.
 * @param values [N, C, H, W], `area` = H · W
 */
export function valuesToRange(values: ArrayLike<number>, range: ValueRange, area: number): Float32Array {
  return Float32Array.from(values, (value, i) => value * at(range.scale, i, area) + at(range.shift, i, area));
}

/** Values of the range as intensities in [0, 1], not clipped, in an array of their own. @param values [N, C, H, W], `area` = H · W */
export function valuesFromRange(values: ArrayLike<number>, range: ValueRange, area: number): Float32Array {
  return Float32Array.from(values, (value, i) => (value - at(range.shift, i, area)) / at(range.scale, i, area));
}

function at(perChannel: readonly number[], i: number, area: number): number {
  return perChannel[Math.floor(i / area) % perChannel.length];
}

/** Scale and shift as numbers where one serves all channels, else as constants [1, C, 1, 1]. */
function factors(images: Tensor, { name, scale, shift }: ValueRange) {
  if (scale.length === 1) return { scale: scale[0], shift: shift[0] };
  if (images.shape.length !== 4 || images.shape[1] !== scale.length) {
    throw new ShapeError({
      what: `The ${name} range is of pictures with other channels.`,
      got: `[${images.shape.join(", ")}]`,
      expected: `[B, ${scale.length}, H, W]`,
    });
  }
  const perChannel = (values: readonly number[]) => constant(values, "float32", [1, values.length, 1, 1]);
  return { scale: perChannel(scale), shift: perChannel(shift) };
}
