import { unknownName } from "../../core/errors.ts";
import type { Dataset } from "../dataset.ts";
import { cifar10 } from "./cifar10.ts";
import { fashionMnist } from "./fashion-mnist.ts";
import { mnist } from "./mnist.ts";

/** Every data set there is by name: command line, documentation and tests read this list. */
export const datasets: readonly Dataset[] = [fashionMnist, mnist, cifar10];

/** The data set of that name. @throws UsageError offering the nearest. */
export function findDataset(name: string): Dataset {
  const found = datasets.find((dataset) => dataset.card.name === name);
  if (found === undefined)
    throw unknownName(
      "data set",
      name,
      datasets.map((dataset) => dataset.card.name),
    );
  return found;
}
