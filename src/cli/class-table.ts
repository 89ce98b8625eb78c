import type { ClassFigures } from "../metrics/classification.ts";
import { formatNumber, tableText } from "./format.ts";

/** Precision, recall and F1 of each label; "-" where there is nothing to divide by. `counted` heads the column of how many texts are of it. */
export function classTable(labels: readonly string[], classes: readonly ClassFigures[], counted: string): string {
  const rows = labels.map((label, i) => {
    const { count, precision, recall, f1 } = classes[i];
    return [label, String(count), ...[precision, recall, f1].map((value) => (Number.isNaN(value) ? "-" : formatNumber(value)))];
  });
  return tableText(["label", counted, "precision", "recall", "F1"], rows);
}
