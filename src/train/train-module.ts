import type { DType, Shape } from "../core/dtype.ts";
import { UsageError } from "../core/errors.ts";
import { RandomStream } from "../core/random.ts";
import type { InputSpec } from "../runtime/program.ts";
import { Trainer, type TrainerOptions, type TrainerReport } from "./trainer.ts";

/** Examples held in memory: `values` fills `shape`, whose first axis counts the examples. */
export interface ModuleData {
  shape: Shape;
  values: Float32Array | Int32Array;
}

export interface TrainModuleOptions<I extends string = string> extends Omit<TrainerOptions<I>, "inputs"> {
  /** The objective's inputs by name: all with the same number of examples. */
  data: Readonly<Record<I, ModuleData>>;
  /** Examples a step. */
  batch: number;
  steps: number;
  /** Told after each step. */
  onStep?: ((report: TrainerReport) => void) | undefined;
}

export interface TrainModuleResult {
  /** The loss of each step, on that step's batch before the update. */
  losses: number[];
  /** The terms of the last step. */
  terms: Record<string, number>;
}

/**
 * Train a module on arrays in memory: batches drawn without replacement in an order that follows from the seed, a new order each epoch. The module is
 * left with the trained weights (the averaged ones with `ema`).
 * @throws UsageError when the data do not fit together; NotFiniteError when the loss is not finite; as `Trainer.create`
 */
export async function trainModule<I extends string>({
  data,
  batch,
  steps,
  onStep,
  ...options
}: TrainModuleOptions<I>): Promise<TrainModuleResult> {
  const names = Object.keys(data) as I[];
  const count = exampleCount(data, batch, steps);
  const dtypeOf = ({ values }: ModuleData): DType => (values instanceof Int32Array ? "int32" : "float32");
  const inputs = {} as Record<I, InputSpec>;
  for (const name of names) inputs[name] = { shape: [batch, ...data[name].shape.slice(1)], dtype: dtypeOf(data[name]) };
  const trainer = await Trainer.create({ ...options, inputs });
  const order = new Uint32Array(count);
  const perEpoch = Math.floor(count / batch);
  const losses: number[] = [];
  let terms: Record<string, number> = {};
  try {
    for (let step = 0; step < steps; step++) {
      if (step % perEpoch === 0) shuffleOrder(order, options.seed ?? 0, step / perEpoch);
      const rows = order.subarray((step % perEpoch) * batch, ((step % perEpoch) + 1) * batch);
      for (const name of names) copyRows(trainer.program.inputs[name] as Float32Array, data[name].values, rows);
      const report = await trainer.advance();
      terms = report.terms;
      losses.push(terms.loss);
      onStep?.(report);
    }
    await trainer.adoptAverage();
    return { losses, terms };
  } finally {
    await trainer.dispose();
  }
}

/** Fisher-Yates from the identity by a stream of the epoch's own. */
function shuffleOrder(order: Uint32Array, seed: number | string, epoch: number): void {
  for (let i = 0; i < order.length; i++) order[i] = i;
  new RandomStream(seed, `data order, epoch ${epoch}`).shuffle(order);
}

function copyRows(target: Float32Array | Int32Array, source: Float32Array | Int32Array, rows: Uint32Array): void {
  const size = target.length / rows.length;
  rows.forEach((row, i) => {
    target.set(source.subarray(row * size, (row + 1) * size), i * size);
  });
}

/** The number of examples that all inputs agree on. @throws UsageError */
function exampleCount(data: Readonly<Record<string, ModuleData>>, batch: number, steps: number): number {
  for (const [name, value] of Object.entries({ batch, steps })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new UsageError({ what: `trainModule: ${name} must be a whole number above 0.`, got: String(value) });
  }
  const entries = Object.entries(data);
  if (entries.length === 0) throw new UsageError({ what: "trainModule: there are no data.", expected: "at least one input by name" });
  const count = entries[0][1].shape[0];
  for (const [name, { shape, values }] of entries) {
    const size = shape.reduce((product, dim) => product * dim, 1);
    if (shape.length === 0 || values.length !== size) {
      throw new UsageError({
        what: "trainModule: the values do not fill their shape.",
        where: `data.${name}`,
        got: `${values.length} values`,
        expected: `${size} for [${shape.join(", ")}]`,
      });
    }
    if (shape[0] !== count) {
      throw new UsageError({
        what: "trainModule: the inputs have different numbers of examples.",
        where: `data.${name}`,
        got: String(shape[0]),
        expected: `${count}, as data.${entries[0][0]}`,
      });
    }
  }
  if (batch > count) {
    throw new UsageError({
      what: "trainModule: the batch is larger than the data.",
      got: `a batch of ${batch} out of ${count} examples`,
      hint: `choose a batch of at most ${count}`,
    });
  }
  return count;
}
