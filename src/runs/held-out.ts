/** Held-out metrics on the way through a training, and the end of one that gets no better. */
import { unknownName } from "../core/errors.ts";
import { type ExampleSet, limitExamples } from "../data/dataset.ts";
import type { ModelRecord, TrainingSettings } from "../models/index.ts";
import { evaluate } from "../train/evaluate.ts";
import { Patience } from "../train/patience.ts";
import type { TrainingSession } from "../train/session.ts";
import { readMetrics } from "./metrics-log.ts";
import type { Run } from "./registry.ts";
import type { ViewContext } from "./sampling.ts";

/** Examples of the held-out split that a look takes: enough to see which way it goes. */
const EXAMPLES = 1000;

/** Before a metric's name in the columns of metrics.jsonl. */
export const heldOutPrefix = "heldOut.";

/** Looks at the held-out metrics every so many steps of a run. What it has seen follows from the run's metrics, so that a run that goes on stops where an undisturbed one does. */
export class HeldOutWatch {
  readonly metric: string;
  readonly #context: ViewContext;
  readonly #session: TrainingSession;
  readonly #set: ExampleSet;
  readonly #every: number;
  readonly #patience: Patience;
  readonly #stops: boolean;
  #isBest = false;

  private constructor(
    context: ViewContext,
    session: TrainingSession,
    set: ExampleSet,
    { metric, every, looks }: { metric: string; every: number; looks: number },
  ) {
    this.metric = metric;
    this.#context = context;
    this.#session = session;
    this.#set = set;
    this.#every = every;
    this.#stops = looks > 0;
    this.#patience = new Patience(context.record.metricInfo[metric]?.better ?? "lower", looks);
  }

  /**
   * @returns undefined where the settings ask for no looks
   * @throws UsageError for a `stopMetric` that the model does not have; FileError when the run's metrics cannot be read
   */
  static async open(run: Run, context: ViewContext, held: ExampleSet, session: TrainingSession): Promise<HeldOutWatch | undefined> {
    // Runs from before these settings existed have none of them.
    const { evaluateEvery = 0, patience: looks = 0, stopMetric = "" } = run.record.training as Partial<TrainingSettings>;
    if (evaluateEvery === 0 && looks === 0) return undefined;
    const metric = requireMetric(context.record, stopMetric);
    const every = evaluateEvery || session.stepsPerEpoch;
    const set = held.count > EXAMPLES ? limitExamples(held, EXAMPLES) : held;
    const watch = new HeldOutWatch(context, session, set, { metric, every, looks });
    for (const row of await readMetrics(run.metricsFile)) {
      const value = row[`${heldOutPrefix}${metric}`];
      if (typeof value === "number" && row.step <= session.step) watch.#patience.add(row.step, value);
    }
    return watch;
  }

  /** The metrics after a step, as columns of the log; none where no look is due. */
  async look(step: number): Promise<Record<string, number>> {
    this.#isBest = false;
    if (step % this.#every !== 0 && step !== this.#session.totalSteps) return {};
    const { record, config, network, backend } = this.#context;
    const metrics = await this.#session.trainer.averaged(() => evaluate({ record, config, network, set: this.#set, backend }));
    this.#isBest = this.#patience.add(step, metrics[this.metric] ?? Number.NaN);
    return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [heldOutPrefix + name, value]));
  }

  /** Whether the look just taken is the best so far of a training that may end by it: its weights are worth keeping. */
  get keeps(): boolean {
    return this.#stops && this.#isBest;
  }

  /** Why the training ends here, and the step whose weights it ends with; undefined where it goes on. */
  get over(): { text: string; step: number } | undefined {
    const { isOver, best } = this.#patience;
    if (!isOver || best === undefined) return undefined;
    const text = `held-out ${this.metric} has not been better than ${best.value.toPrecision(5)} since step ${best.step}: the training ends with the weights of that step`;
    return { text, step: best.step };
  }
}

/** The metric that patience watches. @throws UsageError for one that the model does not have */
export function requireMetric({ metricInfo }: Pick<ModelRecord, "metricInfo">, name: string): string {
  const known = Object.keys(metricInfo);
  if (name === "") return known[0];
  if (!known.includes(name)) throw unknownName("held-out metric", name, known);
  return name;
}
