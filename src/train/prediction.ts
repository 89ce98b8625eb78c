import { UsageError } from "../core/errors.ts";
import { graphFlops } from "../graph/flops.ts";
import { matmul } from "../graph/ops/linalg.ts";
import { memoryPlan } from "../lower/memory-plan.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile, type Program } from "../runtime/program.ts";

/** What a training step will need, worked out before the first. */
export interface StepPrediction {
  /** Bytes that the first step adds to what the process holds once the programs are made. */
  readonly stepBytes: number;
  /** Seconds a step. */
  readonly seconds: number;
}

/** Measured: the runtime's arena takes this much for each planned byte, as it grows by whole regions, and each process a little more for its kernels. */
const arenaFactor = 1.6;
const kernelBytes = 8 * 2 ** 20;
/** Arrays the size of the parameters that an optimizer with two moments reads and writes. */
const updatePasses = 7;
/** Kernels on a layer's shapes reach about this share of the rate of a large product. */
const kernelShare = 0.6;
/** Starting an operator. */
const operatorSeconds = 4e-6;

interface Speed {
  flopsPerSecond: number;
  bytesPerSecond: number;
}

const speeds = new WeakMap<Backend, Promise<Speed>>();

/**
 * Memory from the plan of the largest of the step's programs; time from its arithmetic and traffic, and the speed that the device shows on one matrix product and one sum
 * of large arrays (about 50 ms, once for each device).
 * @param parameters how many numbers the optimizer renews
 */
export async function predictStep(
  stages: readonly { program: Program; phase: { repeat?: number | undefined } }[],
  backend: Backend,
  parameters: number,
): Promise<StepPrediction> {
  const speed = speeds.get(backend) ?? measureSpeed(backend);
  speeds.set(backend, speed);
  const { flopsPerSecond, bytesPerSecond } = await speed;
  let peak = 0;
  let seconds = (updatePasses * 4 * parameters) / bytesPerSecond;
  for (const { program, phase } of stages) {
    const plan = memoryPlan(program.graph, { target: backend.target, channelBlock: backend.channelBlock ?? 0 });
    peak = Math.max(peak, plan.peak);
    const once =
      graphFlops(program.graph) / (kernelShare * flopsPerSecond) + plan.traffic / bytesPerSecond + plan.operators * operatorSeconds;
    seconds += once * (phase.repeat ?? 1);
  }
  return { stepBytes: Math.round(arenaFactor * peak + kernelBytes), seconds };
}

async function measureSpeed(backend: Backend): Promise<Speed> {
  const side = 512;
  const length = 2 ** 21;
  const product = await compile<"a", "y">(backend, ({ a }) => ({ y: matmul(a, a) }), { inputs: { a: { shape: [side, side] } } });
  const sum = await compile<"a", "y">(backend, ({ a }) => ({ y: a.add(1) }), { inputs: { a: { shape: [length] } } });
  try {
    return {
      flopsPerSecond: (2 * side ** 3) / (await fastest(product)),
      bytesPerSecond: (2 * 4 * length) / (await fastest(sum)),
    };
  } finally {
    await Promise.all([product.dispose(), sum.dispose()]);
  }
}

/** Seconds of the fastest of five runs. */
async function fastest(program: Program<"a", "y">): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    const started = performance.now();
    await program.run();
    best = Math.min(best, (performance.now() - started) / 1000);
  }
  return best;
}

/**
 * Refuse a step that cannot fit before it is tried, naming the batch that would.
 * @param available bytes that the process may still take
 * @throws UsageError
 */
export function requireMemory({ stepBytes }: StepPrediction, available: number, batch: number): void {
  if (stepBytes <= available) return;
  const fits = Math.floor((batch * (0.9 * available - kernelBytes)) / (stepBytes - kernelBytes));
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
  throw new UsageError({
    what: "A training step of this size does not fit into memory.",
    got: `${gigabytes(stepBytes)} predicted for a batch of ${batch}`,
    expected: `at most ${gigabytes(available)}, which is free now`,
    hint: `${fits >= 1 ? `--batch ${fits} fits` : "take a smaller model"}; ATELIER_IGNORE_MEMORY=1 tries it all the same`,
  });
}
