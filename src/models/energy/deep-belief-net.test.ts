import { beforeAll, describe, expect, test } from "vitest";
import { RandomStream } from "../../core/random.ts";
import { RandomStreams } from "../../core/streams.ts";
import type { Backend } from "../../runtime/backend.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { countedStates } from "./boltzmann-machine.ts";
import { DeepBeliefNet, deepBeliefNet } from "./deep-belief-net.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

const config = { ...deepBeliefNet.presets.smoke.config, image: [1, 2, 2] as [1, number, number], layers: [3, 5], chains: 0 };
const [V, H] = [4, 3];

function randomNet(): DeepBeliefNet {
  const net = new DeepBeliefNet(config, new RandomStream(0, "test"));
  for (const [name, { data }] of Object.entries(net.units[0])) new RandomStream(3, name).fillNormal(data);
  return net;
}

/** -ln P(v) of the first machine alone and of the whole net, both by counting: [2^V] each. */
async function counted(net: DeepBeliefNet): Promise<{ first: number[]; whole: number[] }> {
  const program = await compile(
    backend,
    ({ v, h }) => ({ free: net.machine(0).freeEnergy(v), prior: net.machine(1).freeEnergy(h), down: net.machine(0).down(h) }),
    { inputs: { v: { shape: [2 ** V, V] }, h: { shape: [2 ** H, H] } } },
  );
  const vs = countedStates(V, 0, 2 ** V);
  const { free, prior, down } = await program.run({ v: vs, h: countedStates(H, 0, 2 ** H) });
  const share = (energies: ArrayLike<number | bigint>): number[] => {
    const weights = Array.from(energies, (energy) => Math.exp(-Number(energy)));
    const total = weights.reduce((a, b) => a + b);
    return weights.map((weight) => weight / total);
  };
  const hidden = share(prior);
  const whole = Array.from({ length: 2 ** V }, (_, s) => {
    const p = hidden.reduce((sum, weight, t) => {
      let given = 1;
      for (let i = 0; i < V; i++) given *= vs[s * V + i] === 1 ? Number(down[t * V + i]) : 1 - Number(down[t * V + i]);
      return sum + weight * given;
    }, 0);
    return -Math.log(p);
  });
  return { first: share(free).map((p) => -Math.log(p)), whole };
}

describe("deep belief net", () => {
  test("a machine that begins as the one below turned over changes no probability", async () => {
    const { first, whole } = await counted(randomNet());
    first.forEach((nats, s) => {
      expect(whole[s]).toBeCloseTo(nats, 1);
    });
  });

  test("the bound lies above the counted value, and on it where the top machine is the lower one turned over", async () => {
    const net = randomNet();
    const repeats = 4000;
    const bound = await compile(backend, ({ v }, rng) => ({ energy: net.boundEnergy(v, rng) }), {
      inputs: { v: { shape: [repeats, V] } },
      streams: new RandomStreams(1),
    });
    const constant = await compile(backend, ({ h }) => ({ free: net.machine(1).freeEnergy(h) }), { inputs: { h: { shape: [2 ** H, H] } } });
    const slack = async (): Promise<number[]> => {
      const { free } = await constant.run({ h: countedStates(H, 0, 2 ** H) });
      const logZ = Math.log(Array.from(free as Float32Array, (energy) => Math.exp(-energy)).reduce((a, b) => a + b));
      const { whole } = await counted(net);
      const differences: number[] = [];
      for (const s of [0, 5, 14]) {
        const v = new Float32Array(repeats * V).map((_, i) => countedStates(V, s, 1)[i % V]);
        const { energy } = await bound.run({ v });
        differences.push((energy as Float32Array).reduce((a, b) => a + b) / repeats + logZ - whole[s]);
      }
      return differences;
    };
    for (const difference of await slack()) expect(Math.abs(difference)).toBeLessThan(0.15);
    new RandomStream(9, "offsets").fillNormal(net.units[1].weight.data);
    for (const difference of await slack()) expect(difference).toBeGreaterThan(-0.05);
    expect(Math.max(...(await slack()))).toBeGreaterThan(0.1);
  });

  test("machines take their turns", () => {
    const spans = deepBeliefNet.players!({ ...config, layers: [3, 5, 6], firstShare: 0.4 }).phases.map(({ moves, span }) => [moves, span]);
    expect(spans).toEqual([
      [["machine1"], [0, 0.4]],
      [["machine2"], [0.4, expect.closeTo(0.7, 9)]],
      [["machine3"], [expect.closeTo(0.7, 9), 1]],
    ]);
  });

  test("a machine too small to begin as the one below turned over is refused", () => {
    const parsed = deepBeliefNet.config.safeParse({ ...config, layers: [3, 3] });
    expect(parsed.error?.issues[0]).toMatchObject({ path: ["layers"], message: expect.stringContaining("at least as many hidden units") });
    expect(deepBeliefNet.config.safeParse({ ...config, layers: [3, 3], start: "random" }).success).toBe(true);
  });
});
