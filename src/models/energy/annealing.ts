import { full } from "../../graph/ops/movement.ts";
import { scan } from "../../graph/ops/scan.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Estimate, EstimateContext } from "../model.ts";

// Annealed importance sampling: Neal, "Annealed importance sampling", Statistics and Computing 11, 2001; for machines of binary units: Salakhutdinov and
// Murray, "On the quantitative analysis of deep belief networks", ICML 2008.

/** A family of unnormalised distributions p_β, β from 0, where the sum is known, to 1, the model. */
export interface Annealed {
  /** Numbers of one chain's state. */
  readonly units: number;
  /** Uniform numbers that one {@link step} of a chain takes. */
  readonly uniforms: number;
  /** ln Z of p_0, a scalar. */
  readonly logFirst: Tensor;
  /** A draw from p_0: uniforms [M, units] -> [M, units]. */
  first(uniforms: Tensor): Tensor;
  /**
   * One step of the way, for chains x [M, units].
   * @param from β before, a scalar; @param to β after
   * @returns `gain` [M], ln p_to(x) - ln p_from(x), and `next` [M, units], a move from x that leaves p_to as it is
   */
  step(x: Tensor, from: Tensor, to: Tensor, uniforms: Tensor): { next: Tensor; gain: Tensor };
}

export interface AnnealingSettings {
  readonly temperatures: number;
  readonly annealedChains: number;
}

/** Uniform numbers of a run, at most: 32 MB. */
const mostUniforms = 2 ** 23;

/**
 * β from 0 to 1 in `count` steps, closer to each other where the distribution is sharper: 1 of 29 steps up to 0.5, 8 up to 0.9, 20 up to 1.
 * (Salakhutdinov and Murray 2008, section 6.1: 500, 4,000 and 10,000.)
 */
export function inverseTemperatures(count: number): Float32Array {
  const [half, most] = [count / 29, (9 * count) / 29];
  return Float32Array.from({ length: count + 1 }, (_, i) => {
    if (i === count) return 1;
    if (i <= half) return (0.5 * i) / half;
    return i <= most ? 0.5 + (0.4 * (i - half)) / (most - half) : 0.9 + (0.1 * (i - most)) / (count - most);
  });
}

/**
 * ln of the mean of weights given by their logarithms, in nats, and its standard error by the delta method: that of the mean weight over the mean weight.
 * It says nothing of what no chain has found.
 */
export function logMeanWeight(logWeights: Float64Array): Estimate {
  const most = logWeights.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const weights = logWeights.map((value) => Math.exp(value - most));
  const count = weights.length;
  const mean = weights.reduce((a, b) => a + b, 0) / count;
  const squares = weights.reduce((sum, weight) => sum + (weight - mean) ** 2, 0) / (count - 1);
  return { value: most + Math.log(mean), error: Math.sqrt(squares / count) / mean };
}

/** ln Z of the model at β = 1, in nats, with its standard error. (Neal 2001, Eqs. 3 to 6: the mean of the weights estimates Z / Z_0.) */
export async function logConstant(
  model: Annealed,
  settings: AnnealingSettings,
  { compile, onProgress }: EstimateContext,
): Promise<Estimate> {
  const { temperatures, annealedChains: M } = settings;
  const { units, uniforms } = model;
  const start = await compile((_, rng) => ({ x: model.first(rng.uniform("first chains", [M, units])), logFirst: model.logFirst }));
  const begun = await start.run();
  let x: Float32Array = (begun.x as Float32Array).slice();
  const logWeights = new Float64Array(M).fill(Number(begun.logFirst[0]));
  await start.dispose();
  const size = Math.max(1, Math.min(100, temperatures, Math.floor(mostUniforms / (M * uniforms))));
  const program = await compile<"x" | "from" | "to", "next" | "gain">(
    (inputs, rng) => {
      const { carry } = scan(
        ([at, total], [from, to, drawn]) => {
          const { next, gain } = model.step(at, from, to, drawn);
          return { carry: [next, total.add(gain)] };
        },
        { init: [inputs.x, full([M], 0)], xs: [inputs.from, inputs.to, rng.uniform("annealing", [size, M, uniforms])] },
      );
      return { next: carry[0], gain: carry[1] };
    },
    { inputs: { x: { shape: [M, units] }, from: { shape: [size] }, to: { shape: [size] } }, frozen: true },
  );
  const betas = inverseTemperatures(temperatures);
  for (let done = 0; done < temperatures; done += size) {
    // Past the end β stays 1: nothing is gained.
    const at = (i: number): number => betas[Math.min(i, temperatures)];
    const from = Float32Array.from({ length: size }, (_, i) => at(done + i));
    const to = Float32Array.from({ length: size }, (_, i) => at(done + i + 1));
    const { next, gain } = await program.run({ x, from, to });
    x = next as Float32Array;
    gain.forEach((value, i) => {
      logWeights[i] += Number(value);
    });
    const now = done + size;
    if (Math.floor((10 * now) / temperatures) > Math.floor((10 * done) / temperatures))
      onProgress?.(`annealing: ${Math.min(now, temperatures)} of ${temperatures} temperatures`);
  }
  await program.dispose();
  return logMeanWeight(logWeights);
}
