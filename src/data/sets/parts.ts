/** What the preparations of several data sets share. */
import { FileError, UsageError, unknownName } from "../../core/errors.ts";
import { RandomStream } from "../../core/random.ts";
import type { Dataset } from "../dataset.ts";

/** Parse a JSON file of a package. @throws FileError naming the file. */
export function parseJson(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new FileError({
      what: "The file is not JSON.",
      where: file,
      got: error instanceof Error ? error.message.slice(0, 200) : String(error),
      cause: error,
    });
  }
}

/** A file that the package should have and that did not come. @throws FileError when `value` is undefined. */
export function present<T>(value: T | undefined, file: string): T {
  if (value === undefined) throw new FileError({ what: "The package lacks a file.", expected: file });
  return value;
}

/** Whether a value parsed from JSON is an integer in [0, below). */
export function isIndex(value: unknown, below: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < below;
}

/**
 * A generated set with the parameters that a text asks for: `train=5000,side=32`.
 * @throws UsageError when the set takes none, for an unknown name, and for a value that is not a whole number in its range.
 */
export function readParameters(dataset: Dataset, text: string): Dataset {
  const { name } = dataset.card;
  if (!("parameters" in dataset)) {
    throw new UsageError({ what: `The data set "${name}" has no parameters.`, got: `${name}:${text}`, hint: `write ${name}` });
  }
  const { parameters } = dataset;
  const values = Object.fromEntries(Object.entries(parameters).map(([key, { standard }]) => [key, standard]));
  for (const part of text.split(",")) {
    const [key, value, ...more] = part.split("=");
    if (!Object.hasOwn(parameters, key)) throw unknownName(`parameter of the data set ${name}`, key, Object.keys(parameters));
    const { least, most, standard } = parameters[key];
    const number = Number(value);
    if (more.length > 0 || !/^[0-9]+$/.test(value ?? "") || number < least || number > most) {
      throw new UsageError({
        what: `The parameter "${key}" of the data set ${name} is not right.`,
        got: part,
        expected: `a whole number from ${least} to ${most}`,
        hint: `${name}:${key}=${standard}`,
      });
    }
    values[key] = number;
  }
  return dataset.withParameters(values);
}

/** Whether a picture belongs to the held-out tenth: by its key alone, so that no other picture moves it. */
export function isHeldOut(key: string): boolean {
  return new RandomStream(key, "held out").below(10) === 0;
}
