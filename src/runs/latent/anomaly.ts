import { UsageError } from "../../core/errors.ts";
import type { ImageSet } from "../../data/dataset.ts";
import { membership } from "../../data/select.ts";
import { rocAuc } from "../../metrics/ranks.ts";
import type { Backend } from "../../runtime/backend.ts";
import { evaluateEach } from "../../train/evaluate.ts";
import type { LoadedModel } from "../load.ts";

export interface AnomalyResult {
  /** The metric that serves as the score. */
  metric: string;
  /** Pictures of the class, and others. */
  anomalous: number;
  usual: number;
  /** Mean score of each. */
  means: { anomalous: number; usual: number };
  /** Probability that a picture of the class scores higher than another; 0.5 is chance. */
  auc: number;
}

/** The first of these that a model has is its score, unless another is asked for. */
const PREFERRED = ["elbo", "nats", "bitsPerDim", "reconstruction"];

/**
 * How well a metric of the model tells the pictures of one class from all others: the worse it is, the stranger the picture.
 * @param name a class or an attribute
 * @param metric one of the model's metrics; default the bound, else the likelihood, else the reconstruction error
 * @throws UsageError for a name or a metric that does not exist, or a class without pictures
 */
export async function anomalyScore(
  model: LoadedModel,
  set: ImageSet,
  name: string,
  backend: Backend,
  { metric, seed = 0 }: { metric?: string | undefined; seed?: number | string } = {},
): Promise<AnomalyResult> {
  const { record } = model;
  const known = Object.keys(record.metricInfo);
  const chosen = metric ?? PREFERRED.find((preferred) => known.includes(preferred)) ?? known[0];
  if (!known.includes(chosen))
    throw new UsageError({ what: `The model has no metric "${chosen}".`, expected: `one of: ${known.join(", ")}` });
  const has = membership(set, name);
  const anomalous = has.reduce((sum, value) => sum + value, 0);
  if (anomalous === 0 || anomalous === set.count) {
    throw new UsageError({
      what: `${anomalous === 0 ? "No" : "Every"} held-out picture is "${name}": there is nothing to tell apart.`,
      where: set.card.name,
      got: `${anomalous} of ${set.count} pictures`,
    });
  }
  const values = (await evaluateEach({ ...model, set, backend, seed }))[chosen];
  const sign = record.metricInfo[chosen].better === "lower" ? 1 : -1;
  const scores = values.map((value) => sign * value);
  const mean = (side: number) =>
    scores.reduce((sum, value, n) => sum + (has[n] === side ? value : 0), 0) / (side === 1 ? anomalous : set.count - anomalous);
  return {
    metric: chosen,
    anomalous,
    usual: set.count - anomalous,
    means: { anomalous: mean(1), usual: mean(0) },
    auc: rocAuc(scores, has),
  };
}
