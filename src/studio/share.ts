/** A run as one file that any browser opens, made and kept by the studio. */

/** How the weights are stored; the page computes with float32 either way. */
export const sharePrecisions = ["float32", "float16"] as const;
export type SharePrecision = (typeof sharePrecisions)[number];

/** A file that was made. */
export interface SharedPage {
  readonly precision: SharePrecision;
  /** The checkpoint that it holds. */
  readonly step: number;
  /** Of the file, and what the weights take of it. */
  readonly bytes: number;
  readonly weights: number;
  /** What there is to know of it: that the run was not finished, or that the page begins without pictures of the data. */
  readonly notes: readonly string[];
}
