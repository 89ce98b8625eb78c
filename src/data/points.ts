/** Points in space as data: small sets drawn here, whose density is known exactly, so that a model of any family can be held against the truth. */
import { RandomStream } from "../core/random.ts";
import type { BaseCard, Split } from "./dataset.ts";

/** How many numbers a point has. */
export type PointShape = readonly [dimensions: number];

/** What a user should know of a set of points. */
export interface PointCard extends BaseCard {
  shape: PointShape;
  range: "real numbers";
  /** The density in a line of text. */
  formula: string;
}

/** Places where points gather. */
export interface Modes {
  readonly count: number;
  /** Which mode a point belongs to, 0 to count - 1; -1 for none. */
  of(x: number, y: number): number;
}

/** A density in the plane that can be computed. */
export interface PlaneDensity {
  /** log p(x, y) in nats; minus infinity where there is nothing. */
  logDensity(x: number, y: number): number;
  /** What a plot shows: all but a vanishing part of the points. */
  readonly bounds: { readonly x: readonly [low: number, high: number]; readonly y: readonly [low: number, high: number] };
  /** -E log p in nats: the mean negative log-likelihood of the truth itself, which no model's is below but by chance. Computed when first asked for. */
  readonly entropy: number;
  /** Places where the points gather, where they can be told apart. */
  readonly modes?: Modes | undefined;
}

/** The points of one split, all in memory. Where pictures have a member and points have not, it is there and undefined. */
export interface PointSet {
  kind: "points";
  card: PointCard;
  split: Split;
  /** [D] */
  shape: PointShape;
  /** [N, D] */
  points: Float32Array;
  /** The exact density, for points in the plane of which it is known. */
  density?: PlaneDensity | undefined;
  /** N */
  count: number;
  /** [N], an index into `classes`: which part of the set a point was drawn from. */
  labels?: Uint8Array | undefined;
  classes?: readonly string[] | undefined;
  attributes?: undefined;
  names?: undefined;
  notes?: readonly string[] | undefined;
}

/** A point drawn from a density, and the class that it came from. */
export interface DrawnPoint {
  x: number;
  y: number;
  label: number;
}

/** What can be chosen behind a set's name: a whole number each. */
export type Parameters = Readonly<Record<string, { least: number; most: number; standard: number; about: string }>>;

/** A set of points in the plane: drawn in memory when it is wanted, the same points each time. */
export interface PointDataset {
  card: PointCard;
  parameters: Parameters;
  /** The same set with other numbers, all given and in range; its card says so. */
  withParameters(values: Readonly<Record<string, number>>): PointDataset;
  density: PlaneDensity;
  /** The next point. */
  draw(random: RandomStream): DrawnPoint;
  /** Of the draws. */
  seed: number;
}

/** Draw one split of a set; the splits have streams of their own. */
export function drawPointSet({ card, density, draw, seed }: PointDataset, split: Split): PointSet {
  const count = card.splits[split];
  const random = new RandomStream(seed, `${card.name.split(":")[0]}, ${split}`);
  const points = new Float32Array(2 * count);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const { x, y, label } = draw(random);
    points[2 * i] = x;
    points[2 * i + 1] = y;
    labels[i] = label;
  }
  const { shape, classes } = card;
  return { kind: "points", card, split, shape, points, density, count, ...(classes.length === 0 ? {} : { labels, classes }) };
}
