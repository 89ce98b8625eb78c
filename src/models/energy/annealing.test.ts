import { beforeAll, describe, expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { RandomStreams } from "../../core/streams.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import type { EstimateContext } from "../model.ts";
import { inverseTemperatures, logConstant, logMeanWeight } from "./annealing.ts";
import { annealedBoltzmann, BoltzmannMachine, boltzmannMachine, countedStates } from "./boltzmann-machine.ts";
import { annealedMachine, Rbm, rbm } from "./rbm.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

/** What an estimate gets, with draws of a seed. */
function context(seed: number, metrics: Record<string, number> = {}): EstimateContext {
  const streams = new RandomStreams(seed);
  return { metrics, compile: (build, options) => compile(backend, build, { ...options, streams }) };
}

/** Normal numbers of a deviation, in place. */
function fill(data: Float32Array, deviation: number, name: string): void {
  new RandomStream(1, name).fillNormal(data);
  data.forEach((value, i) => {
    data[i] = value * deviation;
  });
}

function logSum(values: readonly number[]): number {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
}

describe("annealed importance sampling", () => {
  test("β climbs from 0 to 1, closer and closer", () => {
    const betas = Array.from(inverseTemperatures(290));
    expect(betas.length).toBe(291);
    expect([betas[0], betas[10], betas[90], betas[290]].map((beta) => Number(beta.toFixed(6)))).toEqual([0, 0.5, 0.9, 1]);
    for (let i = 1; i < betas.length; i++) expect(betas[i]).toBeGreaterThan(betas[i - 1]);
    expect(Array.from(inverseTemperatures(2))).toEqual([0, expect.closeTo(0.97, 1), 1]);
  });

  test("the mean of weights and its error, far from 1", () => {
    const { value, error } = logMeanWeight(Float64Array.from([1, 2, 3], (weight) => Math.log(weight) + 1000));
    expect(value).toBeCloseTo(1000 + Math.log(2), 10);
    expect(error).toBeCloseTo(Math.sqrt(1 / 3) / 2, 10);
    expect(logMeanWeight(new Float64Array(5).fill(-3000))).toEqual({ value: -3000, error: 0 });
  });

  test("a small restricted machine: ln Z as counted over all pictures, within its errors", async () => {
    const config = {
      ...rbm.presets.smoke.config,
      image: [1, 3, 4] as [1, number, number],
      hidden: 7,
      temperatures: 3000,
      annealedChains: 400,
    };
    const network = new Rbm(config, new RandomStream(0, "test"));
    fill(network.units.weight.data, 0.8, "weight");
    fill(network.units.visibleBias.data, 0.5, "visible");
    fill(network.units.hiddenBias.data, 0.5, "hidden");
    network.memory.rates.data.forEach((_, i, rates) => {
      rates[i] = 0.2 + 0.05 * i;
    });
    const program = await compile(backend, ({ v }) => ({ free: network.machine.freeEnergy(v) }), { inputs: { v: { shape: [4096, 12] } } });
    const { free } = await program.run({ v: countedStates(12, 0, 4096) });
    const counted = logSum(Array.from(free as Float32Array, (value) => -value));
    const { value, error } = await logConstant(annealedMachine(network.machine, network.memory.rates), config, context(3));
    expect(error).toBeLessThan(0.03);
    expect(Math.abs(value - counted)).toBeLessThan(4 * error + 1e-3);
    const { logZ, nats } = await rbm.estimates!(network, context(3, { freeEnergy: 2 }));
    expect([logZ, nats]).toEqual([
      { value, error },
      { value: 2 + value, error },
    ]);
  });

  test("a Boltzmann machine of ten units: ln Z as counted over all states, to 1e-2 nats", async () => {
    const config = { ...boltzmannMachine.presets.ten.config, temperatures: 5000, annealedChains: 2000 };
    const machine = new BoltzmannMachine(config, new RandomStream(0, "test"));
    fill(machine.weights.data, 0.5, "weights");
    fill(machine.biases.data, 0.5, "biases");
    const [w, b, n] = [machine.weights.data, machine.biases.data, machine.size];
    const states = countedStates(n, 0, 2 ** n);
    const minus = Array.from({ length: 2 ** n }, (_, s) => {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        sum += b[i] * states[s * n + i];
        for (let j = i + 1; j < n; j++) sum += w[i * n + j] * states[s * n + i] * states[s * n + j];
      }
      return sum;
    });
    const counted = logSum(minus);
    const { value, error } = await logConstant(annealedBoltzmann(machine), config, context(4));
    expect(error).toBeLessThan(5e-3);
    expect(Math.abs(value - counted)).toBeLessThan(1e-2);
    const { logZ, nats, annealedLogZ } = await boltzmannMachine.estimates!(machine, context(4, { freeEnergy: 1 }));
    expect(logZ.value).toBeCloseTo(counted, 4);
    expect(nats).toEqual({ value: 1 + logZ.value, error: 0 });
    expect(annealedLogZ).toEqual({ value, error });
  });
});
