/** What the sets of points in the plane share: their parameters and cards. */
import type { RandomStream } from "../../core/random.ts";
import type { DrawnPoint, Parameters, PlaneDensity, PointCard, PointDataset } from "../points.ts";

/** What a set is made of besides its texts. */
export interface Recipe {
  density: PlaneDensity;
  draw(random: RandomStream): DrawnPoint;
}

export interface PlaneSet extends Pick<PointCard, "name" | "title" | "summary" | "source" | "formula" | "classes" | "bias"> {
  /** Standard deviation of the noise in hundredths; undefined for sets without. */
  noise?: { least: number; standard: number } | undefined;
  /** The density and the draws for a noise, a standard deviation in the units of the plane. */
  make(noise: number): Recipe;
}

const sizes: Parameters = {
  train: { least: 1, most: 1_000_000, standard: 20_000, about: "training points" },
  test: { least: 1, most: 1_000_000, standard: 10_000, about: "held-out points" },
  seed: { least: 0, most: 2 ** 31 - 1, standard: 0, about: "other points" },
};

/** A set of points with its parameters; the density is made when it is first asked for. */
export function planeSet(set: PlaneSet): PointDataset {
  const { noise } = set;
  const about = "standard deviation of the noise, in hundredths: 10 is 0.1";
  const parameters: Parameters = noise === undefined ? sizes : { ...sizes, noise: { ...noise, most: 100, about } };
  const standard = Object.fromEntries(Object.entries(parameters).map(([key, value]) => [key, value.standard]));
  return withValues(set, parameters, standard);
}

function withValues(set: PlaneSet, parameters: Parameters, values: Readonly<Record<string, number>>): PointDataset {
  const { name, title, summary, source, formula, classes, bias, make } = set;
  const other = Object.keys(parameters).filter((key) => values[key] !== parameters[key].standard);
  let recipe: Recipe | undefined;
  const made = (): Recipe => {
    recipe ??= make((values.noise ?? 0) / 100);
    return recipe;
  };
  return {
    card: {
      name: other.length === 0 ? name : `${name}:${other.map((key) => `${key}=${values[key]}`).join(",")}`,
      ...{ title, summary, source, formula, classes, bias },
      licence: "none needed: numbers drawn here",
      version: 1,
      splits: { train: values.train, test: values.test },
      splitNote: "Train and test are drawn from streams of their own.",
      shape: [2],
      range: "real numbers",
    },
    parameters,
    withParameters: (given) => withValues(set, parameters, { ...values, ...given }),
    get density() {
      return made().density;
    },
    draw: (random) => made().draw(random),
    seed: values.seed,
  };
}
