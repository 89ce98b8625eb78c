import { beforeAll, describe, expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { RandomStreams } from "../../core/streams.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { portions } from "./blocks.ts";
import { countedStates } from "./boltzmann-machine.ts";
import { contrastiveDivergence, Memory, RbmUnits } from "./rbm.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

const [V, H] = [4, 3];

function randomUnits(): RbmUnits {
  const units = new RbmUnits(V, H, new RandomStream(0, "test"));
  for (const [name, { data }] of Object.entries({ weight: units.weight, visible: units.visibleBias, hidden: units.hiddenBias }))
    new RandomStream(2, name).fillNormal(data);
  return units;
}

/** -E(v, h) by plain loops, for all v and h: [2^V][2^H]. */
function minusEnergies({ weight: { data: w }, visibleBias: { data: a }, hiddenBias: { data: b } }: RbmUnits): number[][] {
  const [vs, hs] = [countedStates(V, 0, 2 ** V), countedStates(H, 0, 2 ** H)];
  return Array.from({ length: 2 ** V }, (_, s) =>
    Array.from({ length: 2 ** H }, (_, t) => {
      let sum = 0;
      for (let i = 0; i < V; i++) sum += a[i] * vs[s * V + i];
      for (let j = 0; j < H; j++) sum += b[j] * hs[t * H + j];
      for (let i = 0; i < V; i++) for (let j = 0; j < H; j++) sum += vs[s * V + i] * w[i * H + j] * hs[t * H + j];
      return sum;
    }),
  );
}

describe("restricted Boltzmann machine", () => {
  test("free energy and conditional probabilities are those of the summed energies", async () => {
    const units = randomUnits();
    const { machine } = units;
    const program = await compile(backend, ({ v, h }) => ({ free: machine.freeEnergy(v), up: machine.up(v), down: machine.down(h) }), {
      inputs: { v: { shape: [2 ** V, V] }, h: { shape: [2 ** H, H] } },
    });
    const [vs, hs] = [countedStates(V, 0, 2 ** V), countedStates(H, 0, 2 ** H)];
    const { free, up, down } = await program.run({ v: vs, h: hs });
    const table = minusEnergies(units).map((row) => row.map(Math.exp));
    table.forEach((row, s) => {
      const sum = row.reduce((a, b) => a + b);
      expect(free[s]).toBeCloseTo(-Math.log(sum), 4);
      for (let j = 0; j < H; j++) {
        const on = row.reduce((total, weight, t) => total + weight * hs[t * H + j], 0);
        expect(up[s * H + j]).toBeCloseTo(on / sum, 4);
      }
    });
    for (let t = 0; t < 2 ** H; t++) {
      const column = table.map((row) => row[t]);
      const sum = column.reduce((a, b) => a + b);
      for (let i = 0; i < V; i++) {
        const on = column.reduce((total, weight, s) => total + weight * vs[s * V + i], 0);
        expect(down[t * V + i]).toBeCloseTo(on / sum, 4);
      }
    }
  });

  test("long chains show each picture as often as its free energy says", async () => {
    const units = randomUnits();
    const chains = 20_000;
    const program = await compile(backend, ({ v }, rng) => ({ v: units.machine.gibbs(v, 30, rng) }), {
      inputs: { v: { shape: [chains, V] } },
      streams: new RandomStreams(5),
    });
    const { v } = (await program.run()) as Record<string, Float32Array>;
    const counts = new Array<number>(2 ** V).fill(0);
    for (let c = 0; c < chains; c++) counts[v[c * V] * 8 + v[c * V + 1] * 4 + v[c * V + 2] * 2 + v[c * V + 3]]++;
    const weights = minusEnergies(units).map((row) => row.map(Math.exp).reduce((a, b) => a + b));
    const total = weights.reduce((a, b) => a + b);
    weights.forEach((weight, s) => {
      const p = weight / total;
      expect(Math.abs(counts[s] / chains - p)).toBeLessThan(4.5 * Math.sqrt((p * (1 - p)) / chains) + 1e-4);
    });
  });

  test("persistent chains go on where they were; without them chains start at the data", async () => {
    const { machine } = randomUnits();
    const memory = new Memory(V, 5, new RandomStream(0, "memory"));
    const before = memory.chains!.data.slice();
    expect(new Set(before)).toEqual(new Set([0, 1]));
    const inputs = { v: { shape: [6, V] } };
    const step = await compile(
      backend,
      ({ v }, rng) => {
        const { total, terms } = contrastiveDivergence(machine, memory, v, 3, rng);
        return { total, dataEnergy: terms.dataEnergy, modelEnergy: terms.modelEnergy };
      },
      { inputs, training: true },
    );
    const { total, dataEnergy, modelEnergy } = await step.run({ v: new Float32Array(6 * V).fill(1) });
    expect(total[0]).toBeCloseTo(Number(dataEnergy[0]) - Number(modelEnergy[0]), 5);
    expect(memory.chains!.data).not.toEqual(before);
    expect(Array.from(memory.rates.data)).toEqual(new Array(V).fill(expect.closeTo(0.505, 6)));
    expect(new Memory(V, 0, new RandomStream(0, "memory")).chains).toBeUndefined();
  });

  test("a walk is cut into portions for its frames", () => {
    expect(portions(120, 50)).toEqual([50, 50, 20]);
    expect(portions(7, 20)).toEqual([7]);
    expect(portions(40, 20)).toEqual([20, 20]);
  });
});
