import { AtelierError } from "../core/errors.ts";
import type { Parameter } from "../graph/leaf.ts";
import { conv } from "../graph/ops/conv.ts";
import { concat } from "../graph/ops/movement.ts";
import { constant } from "../graph/ops/source.ts";
import type { Tensor } from "../graph/tensor.ts";
import { fansOf, type WeightOptions, weightAndBias } from "./init.ts";
import { Module, requireSize } from "./module.ts";
import type { Surroundings, Tap } from "./raster.ts";

// Convolutions that see only pixels that come before, in the order of reading: from left to right, row after row. All keep the picture's size, and all
// can also compute a single pixel (or row) from what was computed before, see Surroundings.

export interface ShiftedConv2dOptions extends WeightOptions {
  /** Input channels. */
  in: number;
  /** Output channels. */
  out: number;
  /** Rows and columns of the filter; it ends at the present row. */
  kernel: readonly [rows: number, columns: number];
  /** Whether the present column is the filter's middle one (then the number of columns is odd) or its last. */
  align: "centre" | "right";
  /** Rows that the filter is moved up and, aligned right, columns that it is moved left. Default [0, 0]. */
  shift?: readonly [up: number, left: number];
}

/**
 * A convolution whose filter lies above, or above and to the left: out[y, x] sees rows y - up - rows + 1 to y - up. Without rows of zeros in the filter, so
 * nothing is multiplied in vain. (van den Oord et al. 2016, arXiv:1606.05328, section 2.2; Salimans et al. 2017, arXiv:1701.05517, "down-shifted" and
 * "down-right-shifted".) Weight [out, in, rows, columns], bias [out].
 */
export class ShiftedConv2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;
  readonly #kernel: readonly [number, number];
  readonly #align: "centre" | "right";
  readonly #shift: readonly [number, number];

  /** @throws AtelierError for sizes that are no sizes, an even number of columns around a middle one, a shift to the left of centred columns */
  constructor(options: ShiftedConv2dOptions) {
    super();
    const { kernel, align, shift = [0, 0] } = options;
    for (const name of ["in", "out"] as const) requireSize("ShiftedConv2d", name, options[name]);
    for (const size of kernel) requireSize("ShiftedConv2d", "kernel", size);
    if (align === "centre" && (kernel[1] % 2 === 0 || shift[1] !== 0))
      throw new AtelierError({
        what: "ShiftedConv2d: with a middle column there is an odd number of them, and no shift to the left.",
        got: `kernel [${kernel.join(", ")}], shift [${shift.join(", ")}]`,
      });
    const shape = [options.out, options.in, ...kernel];
    ({ weight: this.weight, bias: this.bias } = weightAndBias(shape, fansOf(shape), options.out, options));
    this.#kernel = kernel;
    this.#align = align;
    this.#shift = shift;
  }

  /** The filter as it is used. [out, in, rows, columns] */
  protected filter(): Tensor {
    return this.weight;
  }

  /** How many taps, in the order of reading, lie before the present pixel; the rest are zeros but for the first of them. */
  protected get before(): number {
    const [rows, columns] = this.#kernel;
    const [up, left] = this.#shift;
    return rows * columns - (up === 0 && left === 0 ? 1 : 0);
  }

  /** Zeros to the left and to the right. */
  get #sides(): readonly [number, number] {
    const columns = this.#kernel[1];
    return this.#align === "centre" ? [(columns - 1) / 2, (columns - 1) / 2] : [columns - 1 + this.#shift[1], 0];
  }

  /**
   * x [B, in, H, W] -> [B, out, H, W].
   * @param here when x is one row [B, in, 1, W] or one pixel [B, in, 1, 1] of a picture
   * @throws ShapeError; AtelierError where a pixel is asked for that depends on its right neighbour
   */
  call(x: Tensor, here?: Surroundings): Tensor {
    if (here?.unit === "pixel") return this.#pixel(x, here);
    const [rows] = this.#kernel;
    const [up, left] = this.#shift;
    const [, , , width] = x.dims("B in H W");
    const [west, east] = this.#sides;
    const reach = rows - 1 + up;
    let seen = here === undefined || reach === 0 ? x : here.above(x, reach);
    // The rows that the shift hides, and the columns, are those at the end.
    if (up > 0) seen = seen.slice(2, 0, seen.shape[2] - up);
    if (left > 0) seen = seen.slice(3, 0, width - left);
    return conv(seen, this.filter(), { padding: [here === undefined ? reach : 0, west, 0, east], bias: this.bias });
  }

  #pixel(x: Tensor, here: Surroundings): Tensor {
    const [rows, columns] = this.#kernel;
    const [west] = this.#sides;
    const all = Array.from(
      { length: rows * columns },
      (_, i): Tap => [Math.floor(i / columns) - rows + 1 - this.#shift[0], (i % columns) - west],
    );
    const taps = all.slice(0, this.before);
    if (taps.some(([dy, dx]) => dy === 0 && dx >= 0)) throw new AtelierError("ShiftedConv2d: a pixel depends on those to its right.");
    const [batch, channels] = x.shape;
    const out = this.weight.shape[0];
    const withPresent = all.length > taps.length;
    const known =
      taps.length === 0
        ? []
        : [
            here
              .before(x, taps)
              .transpose([1, 0, 2])
              .reshape([batch, taps.length * channels]),
          ];
    const values = concat(withPresent ? [...known, x.reshape([batch, channels])] : known, 1);
    const used = taps.length + (withPresent ? 1 : 0);
    const filter = this.filter().reshape([out, channels, all.length]).slice(2, 0, used).transpose([2, 1, 0]);
    const y = values.matmul(filter.reshape([used * channels, out]));
    return (this.bias === undefined ? y : y.add(this.bias)).reshape([batch, out, 1, 1]);
  }
}

export interface MaskedConv2dOptions extends WeightOptions {
  /** Input channels. */
  in: number;
  /** Output channels. */
  out: number;
  /** Rows and columns of the square filter, odd. */
  kernel: number;
  /** `A` hides the present pixel, for the first layer; `B` shows it. */
  mask: "A" | "B";
  /**
   * Colours that are predicted one after the other. Input and output channels are split into as many equal groups, in the order of the colours, and at the
   * present pixel a group sees those before it (`B`: and itself). Default 1.
   */
  colours?: number;
}

/** Which taps of a filter of (k + 1) / 2 rows are open. [out, in, rows, k] */
function maskOf({ in: inputs, out, kernel, mask, colours = 1 }: MaskedConv2dOptions): Float32Array {
  const middle = (kernel * kernel - 1) / 2;
  const taps = ((kernel + 1) / 2) * kernel;
  const open = new Float32Array(out * inputs * taps);
  for (let o = 0; o < out; o++) {
    for (let i = 0; i < inputs; i++) {
      const at = (o * inputs + i) * taps;
      open.fill(1, at, at + middle);
      const [to, from] = [Math.floor((o * colours) / out), Math.floor((i * colours) / inputs)];
      open[at + middle] = from < to || (mask === "B" && from === to) ? 1 : 0;
    }
  }
  return open;
}

/**
 * Masked convolution (van den Oord et al. 2016, arXiv:1601.06759, section 3.4): a filter of k x k around the present pixel of which only the taps before it are
 * open. The rows below, closed in the paper's mask, are left out: weight [out, in, (k + 1) / 2, k], bias [out].
 */
export class MaskedConv2d extends ShiftedConv2d {
  readonly #mask: Float32Array;
  readonly #before: number;

  /** @throws AtelierError for sizes that are no sizes, an even filter, channels that the colours do not divide */
  constructor(options: MaskedConv2dOptions) {
    const { in: inputs, out, kernel, colours = 1 } = options;
    if (kernel % 2 !== 1) throw new AtelierError({ what: "MaskedConv2d: kernel must be odd.", got: String(kernel) });
    if (inputs % colours !== 0 || out % colours !== 0)
      throw new AtelierError({ what: `MaskedConv2d: channels must divide into ${colours} colours.`, got: `${inputs} in, ${out} out` });
    super({ ...options, kernel: [(kernel + 1) / 2, kernel], align: "centre" });
    this.#mask = maskOf(options);
    this.#before = (kernel * kernel - 1) / 2;
  }

  protected override filter(): Tensor {
    return this.weight.mul(constant(this.#mask, "float32", this.weight.shape));
  }

  protected override get before(): number {
    return this.#before;
  }
}
