import type { Shape } from "../core/dtype.ts";
import { AtelierError } from "../core/errors.ts";
import { concat } from "../graph/ops/movement.ts";
import type { Tensor } from "../graph/tensor.ts";

/** A pixel seen from the present one: `dy` rows down (never more than 0), `dx` columns to the right. */
export type Tap = readonly [dy: number, dx: number];

/** Values of a place that its surroundings are asked for again at later places. */
export interface Remembered {
  /** [B, C, 1, 1] of a pixel, or [B, C, 1, W] of a row; undefined for the picture itself, which is filled in from outside. */
  readonly value: Tensor | undefined;
  readonly channels: number;
}

/** What a layer asks for: values of one of {@link Surroundings.remembered} at earlier places. */
export interface Window {
  /** Place in {@link Surroundings.remembered}. */
  readonly source: number;
  /** For rows, dx is 0 and a tap is a whole row. */
  readonly taps: readonly Tap[];
}

/** What {@link Surroundings.recall} gives. */
export interface Recalled {
  /** [taps, B, channels] */
  earlier: Tensor;
  /** Takes what is made at this place, [B, channels, 1, 1], for later places. */
  keep: (value: Tensor) => void;
}

/**
 * What lies before the place that is being computed, when a network runs pixel by pixel or row by row instead of on a whole picture: layers that look at
 * earlier places find them here, and whoever runs the network keeps them from place to place.
 */
export class Surroundings {
  readonly unit: "pixel" | "row";
  readonly windows: Window[] = [];
  readonly remembered: Remembered[] = [];
  readonly #picture: Tensor;
  readonly #supply: (index: number, shape: Shape) => Tensor;
  readonly #sources = new Map<Tensor, number>();

  /**
   * @param picture the network's input at this place, [B, C, 1, 1] of a pixel or [B, C, 1, W] of a row
   * @param supply the values of the window of that number, [taps, B, C] for a pixel or [taps, B, C, W] for a row
   */
  constructor(unit: "pixel" | "row", picture: Tensor, supply: (index: number, shape: Shape) => Tensor) {
    this.unit = unit;
    this.#picture = picture;
    this.#supply = supply;
  }

  /** x [B, C, 1, 1] of the present pixel -> its values at earlier ones, [taps, B, C]; zeros outside of the picture. */
  before(x: Tensor, taps: readonly Tap[]): Tensor {
    if (this.unit !== "pixel") throw new AtelierError("A layer that looks to the left was run row by row.");
    return this.#window(x, taps, [taps.length, x.shape[0], x.shape[1]]);
  }

  /** x [B, C, 1, W] of the present row -> the `rows` rows above it and itself, [B, C, rows + 1, W]; zeros outside of the picture. */
  above(x: Tensor, rows: number): Tensor {
    const taps = Array.from({ length: rows }, (_, i): Tap => [i - rows, 0]);
    const earlier = this.#window(x, taps, [rows, x.shape[0], x.shape[1], x.shape[3]]);
    return concat([earlier.transpose([1, 2, 0, 3]), x], 2);
  }

  /**
   * Values of earlier places [taps, B, channels] of something that is made from them: a recurrence. Hand what is made at this place, [B, channels, 1, 1], to `keep`.
   */
  recall(batch: number, channels: number, taps: readonly Tap[]): Recalled {
    const source = this.remembered.length;
    this.remembered.push({ value: undefined, channels });
    this.windows.push({ source, taps });
    const keep = (value: Tensor): void => {
      this.remembered[source] = { value, channels };
    };
    return { earlier: this.#supply(this.windows.length - 1, [taps.length, batch, channels]), keep };
  }

  #window(x: Tensor, taps: readonly Tap[], shape: Shape): Tensor {
    let source = this.#sources.get(x);
    if (source === undefined) {
      source = this.remembered.length;
      this.#sources.set(x, source);
      this.remembered.push({ value: x === this.#picture ? undefined : x, channels: x.shape[1] });
    }
    this.windows.push({ source, taps });
    return this.#supply(this.windows.length - 1, shape);
  }
}
