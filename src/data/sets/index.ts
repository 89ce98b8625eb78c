import { unknownName } from "../../core/errors.ts";
import type { Dataset } from "../dataset.ts";
import { avatars } from "./avatars.ts";
import { barsAndStripes } from "./bars-and-stripes.ts";
import { checkerboard } from "./checkerboard.ts";
import { cifar10 } from "./cifar10.ts";
import { circles } from "./circles.ts";
import { emoji } from "./emoji.ts";
import { fashionMnist } from "./fashion-mnist.ts";
import { gameIcons } from "./game-icons.ts";
import { mnist } from "./mnist.ts";
import { moons } from "./moons.ts";
import { readParameters } from "./parts.ts";
import { ring } from "./ring.ts";
import { spirals } from "./spirals.ts";

/** Every data set there is by name: command line, documentation and tests read this list. */
export const datasets: readonly Dataset[] = [
  ...[fashionMnist, mnist, cifar10, avatars, emoji, gameIcons, barsAndStripes],
  ...[moons, circles, ring, checkerboard, spirals],
];

/**
 * The data set of that name, which may end in parameters where the set is generated: `avatars:train=5000,side=32`.
 * @returns undefined when there is none of that name.
 * @throws UsageError when the parameters are not the set's.
 */
export function datasetNamed(name: string): Dataset | undefined {
  const colon = name.indexOf(":");
  const found = datasets.find(({ card }) => card.name === (colon < 0 ? name : name.slice(0, colon)));
  return found === undefined || colon < 0 ? found : readParameters(found, name.slice(colon + 1));
}

/** The data set of that name, as {@link datasetNamed}. @throws UsageError offering the nearest. */
export function findDataset(name: string): Dataset {
  const found = datasetNamed(name);
  if (found === undefined)
    throw unknownName(
      "data set",
      name,
      datasets.map((dataset) => dataset.card.name),
    );
  return found;
}
