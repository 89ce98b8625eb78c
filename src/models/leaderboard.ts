import type { ImageShape } from "../data/dataset.ts";

/** Which of a model's held-out metrics is a likelihood, and of what. */
export interface Likelihood {
  /** Names of metrics in nats a picture whose sum is -ln p or a bound of it; ln p itself where the metric is better higher. */
  readonly metrics: readonly string[];
  /** Whether it is -ln p exactly, no less than it, or an estimate of it. */
  readonly kind: "exact" | "bound" | "estimate";
  /** What it is the probability of: `256 levels`, `black and white` ... Only figures of the same can be compared. */
  readonly of: string;
  /** The metrics are a density over intensities in [0, 1]: ln 256 a dimension makes them a probability of 256 levels. */
  readonly density?: boolean;
}

/** How a model takes part in `atelier leaderboard`, where all families learn the same pictures for the same time. */
export interface LeaderboardEntry<C = unknown> {
  /** The preset that it starts from. Default `small`. */
  readonly preset?: string;
  /** What differs from the preset, beside `image`, for pictures [C, H, W]; a text where the model cannot take these: why. */
  settings?(image: ImageShape): Partial<C> | string;
  /** For models that know one. */
  likelihood?(config: C): Likelihood | undefined;
}
