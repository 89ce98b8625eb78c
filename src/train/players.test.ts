import { beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../core/random.ts";
import { Parameter } from "../graph/leaf.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Linear, Module, terms } from "../nn/index.ts";
import { sgd } from "../optim/index.ts";
import type { Backend } from "../runtime/backend.ts";
import { openDevice } from "../runtime/node/device.ts";
import { batchesPerStep, isPlayed } from "./phase.ts";
import { type Game, Trainer, type TrainerOptions } from "./trainer.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openDevice("cpu");
});

class Point extends Module {
  readonly at = new Parameter([1], Float32Array.of(1));
}

/** One player wants x · y + x² / 2 small, the other wants x · y large: the equilibrium is 0, 0. */
class Pair extends Module {
  readonly x = new Point();
  readonly y = new Point();
}

type Inputs = { s: Tensor };
const product = (pair: Pair, { s }: Inputs) => pair.x.at.mul(pair.y.at).mul(s).sum();
const lossX = (pair: Pair, inputs: Inputs) => product(pair, inputs).add(pair.x.at.square().sum().mul(0.5));

function options(pair: Pair, game: Partial<Game<"s">>): TrainerOptions<"s"> {
  const phases: Game<"s">["phases"] = [
    { moves: ["x", "y"], losses: (inputs) => ({ x: lossX(pair, inputs), y: product(pair, inputs).neg() }) },
  ];
  return {
    ...{ backend, module: pair, optimizer: sgd({}), learningRate: 0.1, inputs: { s: { shape: [1] } } },
    players: { parts: { x: pair.x, y: pair.y }, phases, ...game },
  };
}

const one = { s: Float32Array.of(1) };

describe("players", () => {
  it("of one phase all move from where they stood, each by its own loss", async () => {
    const pair = new Pair();
    const trainer = await Trainer.create(options(pair, {}));
    let [x, y] = [1, 1];
    for (let i = 0; i < 10; i++) {
      const { terms: seen, gradientNorms } = await trainer.advance(one);
      expect(seen.x).toBeCloseTo(x * y + (x * x) / 2, 5);
      expect(gradientNorms).toEqual({ x: expect.closeTo(Math.abs(y + x), 5), y: expect.closeTo(Math.abs(x), 5) });
      [x, y] = [x - 0.1 * (y + x), y + 0.1 * x];
    }
    expect([pair.x.at.data[0], pair.y.at.data[0]]).toEqual([expect.closeTo(x, 5), expect.closeTo(y, 5)]);
    await trainer.dispose();
  });

  it("move in turns, some more often, each time on a new batch unless the phase keeps it", async () => {
    const pair = new Pair();
    const phases: Game<"s">["phases"] = [
      { moves: ["x"], repeat: 2, losses: (inputs) => ({ x: product(pair, inputs) }) },
      { moves: ["y"], batch: "same", losses: (inputs) => ({ y: product(pair, inputs).neg() }) },
    ];
    const trainer = await Trainer.create(options(pair, { phases, learningRates: { y: 0.5 } }));
    let given = 0;
    await trainer.advance(async () => ({ s: Float32Array.of(++given) }));
    expect(given).toBe(2);
    const x = 1 - 0.1 * 1 - 0.1 * 2;
    expect(pair.x.at.data[0]).toBeCloseTo(x, 6);
    expect(pair.y.at.data[0]).toBeCloseTo(1 + 0.05 * 2 * x, 6);
    expect(trainer.updates).toEqual({ x: 2, y: 1 });
    await trainer.dispose();
  });

  it("may have their time in the training, and weights that are limited", async () => {
    const pair = new Pair();
    const phases: Game<"s">["phases"] = [
      { moves: ["x"], span: [0, 0.5], losses: (inputs) => ({ x: terms({ product: product(pair, inputs) }) }) },
      { moves: ["y"], span: [0.5, 1], losses: (inputs) => ({ y: product(pair, inputs).neg() }) },
    ];
    const trainer = await Trainer.create({ ...options(pair, { phases, clipWeights: { y: 0.25 } }), totalSteps: 4 });
    const names: string[][] = [];
    for (let i = 0; i < 4; i++) names.push(Object.keys((await trainer.advance(one)).terms));
    expect(names).toEqual([["x", "product"], ["x", "product"], ["y"], ["y"]]);
    expect(trainer.updates).toEqual({ x: 2, y: 2 });
    expect(pair.y.at.data[0]).toBe(0.25);
    await trainer.dispose();
  });

  it("resume with the updates that each has done", async () => {
    const pair = new Pair();
    const [first, other] = [
      await Trainer.create({ ...options(pair, {}), ema: 0.5 }),
      await Trainer.create({ ...options(new Pair(), {}), ema: 0.5 }),
    ];
    for (let i = 0; i < 3; i++) await first.advance(one);
    const arrays = new Map([...first.tensors()].map(([name, { data }]) => [name, data.slice()]));
    expect([...arrays.keys()]).toEqual(["model.x.at", "model.y.at", "ema.x.at", "ema.y.at"]);
    other.restore(first.step, first.streams, arrays, first.updates);
    expect(other.updates).toEqual({ x: 3, y: 3 });
    await Promise.all([first.advance(one), other.advance(one)]);
    expect([...other.tensors()].map(([, { data }]) => data[0])).toEqual([...first.tensors()].map(([, { data }]) => data[0]));
    const averages = [...first.tensors()].slice(2).map(([, { data }]) => data[0]);
    await first.averaged(async () => expect([pair.x.at.data[0], pair.y.at.data[0]]).toEqual(averages));
    expect([pair.x.at.data[0], pair.y.at.data[0]]).not.toEqual(averages);
    await Promise.all([first.dispose(), other.dispose()]);
  });
});

describe("players that are not well defined", () => {
  const failure = (pair: Pair, game: Partial<Game<"s">>) => Trainer.create(options(pair, game)).catch((error: Error) => error.message);

  it("are told", async () => {
    const pair = new Pair();
    const parts = (given: Game["parts"]) => failure(new Pair(), { parts: given });
    expect(await failure(pair, { parts: { x: pair.x } })).toContain("it belongs to no player");
    expect(await failure(pair, { parts: { x: pair, y: pair.y } })).toContain('it belongs to the players "x" and "y"');
    expect(await parts({ x: new Point() })).toContain("it belongs to no player");
    expect(await failure(pair, { parts: { x: [pair.x, pair.y], y: [] } })).toContain("it has no parameters");
    const phases: Game<"s">["phases"] = [{ moves: ["x", "y"], losses: (inputs) => ({ x: product(pair, inputs) }) }];
    expect(await failure(pair, { phases })).toContain('moves the player "y" without a loss');
    const twice: Game<"s">["phases"] = [
      { moves: ["x", "y"], losses: (inputs) => ({ x: terms({ y: product(pair, inputs) }), y: product(pair, inputs) }) },
    ];
    expect(await failure(pair, { phases: twice })).toContain("Two terms of a phase have the same name");
    const loss = (inputs: Inputs) => ({ x: product(pair, inputs) });
    expect(await failure(pair, { phases: [{ moves: ["x"], losses: loss }] })).toContain("No phase moves these players");
    expect(await failure(pair, { phases: [{ moves: ["x", "z"], losses: loss }] })).toContain('"z"');
    expect(await failure(pair, { clipWeights: { critic: 1 } })).toContain('"critic"');
    const both: Game<"s">["phases"][number] = {
      moves: ["x", "y"],
      losses: (inputs) => ({ x: lossX(pair, inputs), y: product(pair, inputs) }),
    };
    expect(await failure(pair, { phases: [{ ...both, batch: "same" }] })).toContain("no phase before it");
    expect(await failure(pair, { phases: [{ ...both, span: [0, 1] }] })).toContain("need the steps of the whole training");
    const nothing = { backend, module: new Linear({ in: 1, out: 1, rng: new RandomStream(0, "x") }), inputs: {} };
    await expect(Trainer.create(nothing)).rejects.toThrow("nothing to train by");
  });
});

describe("spans", () => {
  it("cover every step once, whatever the rounding", () => {
    for (const total of [1, 2, 3, 7, 10, 333]) {
      for (let step = 0; step < total; step++) {
        const spans = [[0, 1 / 3] as const, [1 / 3, 0.6] as const, [0.6, 1] as const];
        expect(spans.filter((span) => isPlayed({ span }, step, total))).toHaveLength(1);
      }
    }
    expect(isPlayed({ span: [0.5, 1] }, 12, 10)).toBe(true); // a run that is made longer goes on with its last phase
  });

  it("weigh the batches of a step", () => {
    expect(batchesPerStep([{ repeat: 5 }, { batch: "same" }])).toBe(5);
    expect(batchesPerStep([{ span: [0, 0.25] }, { span: [0.25, 1], repeat: 2 }])).toBe(1.75);
  });
});
