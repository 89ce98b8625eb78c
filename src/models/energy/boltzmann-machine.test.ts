import { beforeAll, describe, expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { RandomStreams } from "../../core/streams.ts";
import { loadDataset } from "../../data/node/load.ts";
import { barsAndStripesEntropy } from "../../data/sets/bars-and-stripes.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { evaluate } from "../../train/evaluate.ts";
import { TrainingSession } from "../../train/session.ts";
import { defaultTraining } from "../model.ts";
import { type BoltzmannConfig, BoltzmannMachine, boltzmannMachine, countedStates } from "./boltzmann-machine.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

const { config: ten } = boltzmannMachine.presets.ten;

function randomMachine(config: BoltzmannConfig): BoltzmannMachine {
  const machine = new BoltzmannMachine(config, new RandomStream(0, "test"));
  new RandomStream(1, "weights").fillNormal(machine.weights.data);
  new RandomStream(1, "biases").fillNormal(machine.biases.data);
  return machine;
}

/** -E of every state by plain loops. */
function minusEnergies({ weights: { data: w }, biases: { data: b }, size: n }: BoltzmannMachine): number[] {
  const states = countedStates(n, 0, 2 ** n);
  return Array.from({ length: 2 ** n }, (_, s) => {
    let sum = 0;
    for (let i = 0; i < n; i++) for (let j = i; j < n; j++) sum += (i === j ? b[i] : w[i * n + j]) * states[s * n + i] * states[s * n + j];
    return sum;
  });
}

describe("Boltzmann machine", () => {
  test("states are counted in order", () => {
    expect(Array.from(countedStates(3, 5, 2))).toEqual([1, 0, 1, 1, 1, 0]);
  });

  test("its energy and free energy are those of plain loops", async () => {
    const machine = randomMachine({ ...ten, image: [1, 2, 2], hidden: 3 });
    const expected = minusEnergies(machine);
    const program = await compile(backend, ({ units, v }) => ({ energy: machine.energy(units), free: machine.freeEnergy(v) }), {
      inputs: { units: { shape: [128, 7] }, v: { shape: [16, 4] } },
    });
    const { energy, free } = await program.run({ units: countedStates(7, 0, 128), v: countedStates(4, 0, 16) });
    expected.forEach((value, s) => {
      expect(energy[s]).toBeCloseTo(-value, 4);
    });
    for (let v = 0; v < 16; v++) {
      const sum = expected.slice(8 * v, 8 * v + 8).reduce((total, value) => total + Math.exp(value), 0);
      expect(free[v]).toBeCloseTo(-Math.log(sum), 4);
    }
  });

  test("left alone, it shows each state as often as the energy says; held pixels stay", async () => {
    const machine = randomMachine({ ...ten, image: [1, 1, 3], hidden: 1 });
    const chains = 20_000;
    const program = await compile(
      backend,
      ({ units }, rng) => ({ free: machine.sweep(units, [0, 4], 20, rng), held: machine.sweep(units, [3, 4], 2, rng) }),
      { inputs: { units: { shape: [chains, 4] } }, streams: new RandomStreams(7) },
    );
    const start = new Float32Array(4 * chains).map((_, i) => Number(i % 4 === 1));
    const { free, held } = (await program.run({ units: start })) as Record<string, Float32Array>;
    const counts = new Array<number>(16).fill(0);
    for (let c = 0; c < chains; c++) counts[free[4 * c] * 8 + free[4 * c + 1] * 4 + free[4 * c + 2] * 2 + free[4 * c + 3]]++;
    const weights = minusEnergies(machine).map(Math.exp);
    const total = weights.reduce((a, b) => a + b);
    weights.forEach((weight, s) => {
      const p = weight / total;
      expect(Math.abs(counts[s] / chains - p)).toBeLessThan(4.5 * Math.sqrt((p * (1 - p)) / chains) + 1e-4);
    });
    for (let c = 0; c < chains; c++) expect([held[4 * c], held[4 * c + 1], held[4 * c + 2]]).toEqual([0, 1, 0]);
  });

  test("more units than can be counted are refused for exact learning", () => {
    const parsed = boltzmannMachine.config.safeParse({ ...ten, image: [1, 4, 4] });
    expect(parsed.error?.issues[0]).toMatchObject({ path: ["learning"], message: expect.stringContaining("at most 16 units") });
  });

  test("ten units learned from chains come close to ten units learned by counting, and not below what is possible", async () => {
    const train = await loadDataset("bars-and-stripes");
    const nats = async (changes: Partial<BoltzmannConfig>, rate: number, steps: number): Promise<number> => {
      const config = { ...ten, ...changes };
      const training = { ...defaultTraining, ...boltzmannMachine.presets.ten.training, learningRate: rate };
      const record = boltzmannMachine as never;
      const session = await TrainingSession.create({ record, config, training, set: train, seed: 0, backend, steps });
      while (session.step < steps) await session.advance();
      const network = session.network as BoltzmannMachine;
      const metrics = await evaluate({ record, config, network, set: train, backend });
      const { nats } = await boltzmannMachine.estimates!(network, {
        metrics,
        compile: (build, options) => compile(backend, build, options),
      });
      await session.dispose();
      return nats.value;
    };
    const exact = await nats({ temperatures: 10, annealedChains: 2 }, 0.05, 400);
    const sampled = await nats({ temperatures: 10, annealedChains: 2, learning: "sampled", sweeps: 5, chains: 500 }, 0.02, 800);
    expect(exact).toBeGreaterThan(barsAndStripesEntropy(3) - 0.02);
    expect(exact).toBeLessThan(barsAndStripesEntropy(3) + 0.3);
    expect(sampled - exact).toBeLessThan(0.2);
  });
});
