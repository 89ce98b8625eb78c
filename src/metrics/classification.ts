import { ShapeError } from "../core/errors.ts";

/** One class, as it was told. */
export interface ClassFigures {
  /** Right among those that were said to be of it; NaN where none was. */
  precision: number;
  /** Right among those that are of it; NaN where none is. */
  recall: number;
  /** 2 TP / (2 TP + FP + FN); NaN where it neither is nor was said. */
  f1: number;
  /** How many are of it. */
  count: number;
}

/** How right the classes of examples were told. */
export interface ClassificationFigures {
  /** Share of right ones, [0, 1]. */
  accuracy: number;
  /** Mean of F1 over the classes that occur, each counting alike however rare it is. [0, 1] */
  macroF1: number;
  /** [K] */
  classes: ClassFigures[];
}

/**
 * Accuracy and F1 of classes, as scikit-learn has them (`f1_score(average="macro", zero_division=0)`: the mean is over classes that are or were said).
 * @param truth [N], classes in [0, K)
 * @param told [N], what was said instead
 * @throws ShapeError for no examples, or another number of answers
 */
export function classificationFigures(truth: ArrayLike<number>, told: ArrayLike<number>, classes: number): ClassificationFigures {
  if (truth.length === 0 || truth.length !== told.length)
    throw new ShapeError({
      what: "Answers do not fit what is true.",
      got: `${told.length} for ${truth.length}`,
      expected: "as many, at least one",
    });
  const [right, are, said] = [new Float64Array(classes), new Float64Array(classes), new Float64Array(classes)];
  for (let i = 0; i < truth.length; i++) {
    are[truth[i]]++;
    said[told[i]]++;
    if (truth[i] === told[i]) right[truth[i]]++;
  }
  const each = Array.from(right, (hits, k) => ({
    precision: hits / said[k],
    recall: hits / are[k],
    f1: (2 * hits) / (said[k] + are[k]),
    count: are[k],
  }));
  const occurring = each.filter(({ f1 }) => !Number.isNaN(f1));
  const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);
  return { accuracy: sum(right) / truth.length, macroF1: sum(occurring.map(({ f1 }) => f1)) / occurring.length, classes: each };
}

/**
 * What a classifier must be better than: the accuracy of giving every example the commonest class.
 * @param truth [N], classes in [0, K)
 * @param from [M], of which the commonest is taken
 */
export function majorityBaseline(truth: ArrayLike<number>, from: ArrayLike<number>, classes: number): { label: number; accuracy: number } {
  const counts = new Float64Array(classes);
  for (let i = 0; i < from.length; i++) counts[from[i]]++;
  const label = counts.indexOf(Math.max(...counts));
  return { label, accuracy: Array.from(truth).filter((value) => value === label).length / truth.length };
}
