import { beforeAll, describe, expect, it } from "vitest";
import type { TypedArray } from "../core/dtype.ts";
import { RandomStream } from "../core/random.ts";
import { BatchNorm, Linear, Module, Sequential, squaredError, terms } from "../nn/index.ts";
import { sgd } from "../optim/index.ts";
import type { Backend, DeviceMemory } from "../runtime/backend.ts";
import { openDevice } from "../runtime/node/device.ts";
import { compile } from "../runtime/program.ts";
import { FlatParameters } from "./flat.ts";
import { Player } from "./player.ts";
import { trainModule } from "./train-module.ts";
import { NotFiniteError, Trainer } from "./trainer.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openDevice("cpu");
});

class Line extends Module {
  readonly layer: Linear;

  constructor() {
    super();
    this.layer = new Linear({ in: 2, out: 1, rng: new RandomStream(3, "line") });
  }
}

/** y = 2 a - b + 1 on a grid of points. */
function plane() {
  const rows = Array.from({ length: 64 }, (_, i) => [(i % 8) / 4 - 1, Math.floor(i / 8) / 4 - 1]);
  return {
    x: { shape: [64, 2], values: Float32Array.from(rows.flat()) },
    y: { shape: [64, 1], values: Float32Array.from(rows, ([a, b]) => 2 * a - b + 1) },
  };
}

function lineTraining(line: Line) {
  return {
    backend,
    module: line,
    objective: ({ x, y }: { x: Parameters<Linear["call"]>[0]; y: Parameters<Linear["call"]>[0] }) =>
      terms({ error: squaredError(line.layer.call(x), y) }),
  };
}

describe("trainModule", () => {
  it("finds a plane, and the module keeps the weights", async () => {
    const line = new Line();
    const result = await trainModule({
      ...lineTraining(line),
      data: plane(),
      batch: 16,
      steps: 400,
      optimizer: sgd({}),
      learningRate: 0.1,
    });
    expect(result.losses).toHaveLength(400);
    expect(result.terms.error).toBe(result.terms.loss);
    expect([...line.layer.weight.data, ...line.layer.bias!.data]).toEqual([2, -1, 1].map((value) => expect.closeTo(value, 4)));
  });

  it("gives the same weights for the same seed, others for another", async () => {
    const weights = async (seed: number) => {
      const line = new Line();
      await trainModule({ ...lineTraining(line), data: plane(), batch: 16, steps: 7, seed });
      return [...line.layer.weight.data];
    };
    expect(await weights(1)).toEqual(await weights(1));
    expect(await weights(1)).not.toEqual(await weights(2));
  });

  it("refuses data that do not fit together", async () => {
    const { x, y } = plane();
    const attempt = (data: { x: typeof x; y: typeof y }, batch = 16) => trainModule({ ...lineTraining(new Line()), data, batch, steps: 1 });
    await expect(attempt({ x, y: { ...y, shape: [63, 1] } })).rejects.toThrow(/do not fill their shape/);
    await expect(attempt({ x, y: { shape: [8, 1], values: y.values.slice(0, 8) } })).rejects.toThrow(/different numbers of examples/);
    await expect(attempt({ x, y }, 65)).rejects.toThrow(/batch is larger than the data/);
    await expect(attempt({ x, y }, 0)).rejects.toThrow(/batch must be a whole number/);
  });
});

describe("Trainer", () => {
  const inputs = { x: { shape: [4, 2] }, y: { shape: [4, 1] } };
  const feeds = { x: [1, 2, 3, 4, 5, 6, 7, 8], y: [1, 2, 3, 4] };

  it("keeps an average apart, and lends it to the module", async () => {
    const line = new Line();
    const trainer = await Trainer.create({ ...lineTraining(line), inputs, ema: 0.5 });
    const first = line.layer.weight.data[0];
    await trainer.advance(feeds);
    const trained = line.layer.weight.data[0];
    const lent = await trainer.averaged(async () => line.layer.weight.data[0]);
    expect(lent).toBeCloseTo((first + trained) / 2, 6);
    expect(line.layer.weight.data[0]).toBe(trained);
    await trainer.dispose();
  });

  it("stops at a loss that is not finite with the parameters as they were, and refuses to save what is not finite", async () => {
    const line = new Line();
    const trainer = await Trainer.create({ ...lineTraining(line), inputs });
    const before = [...line.layer.weight.data];
    await expect(trainer.advance({ ...feeds, y: [1, Number.NaN, 3, 4] })).rejects.toThrow(NotFiniteError);
    expect([...line.layer.weight.data]).toEqual(before);
    expect(() => trainer.requireFinite()).not.toThrow();
    line.layer.weight.data[1] = Number.POSITIVE_INFINITY;
    expect(() => trainer.requireFinite()).toThrowErrorMatchingInlineSnapshot(`
      [NotFiniteError: The weights are not finite after step 0.
        where:    model.layer.weight, element 1
        got:      Infinity
        try:      lower the learning rate, or set clipNorm]
    `);
    await trainer.dispose();
  });

  it("stops at a gradient that is not finite with the running statistics as they were", async () => {
    const [line, norm] = [new Line(), new BatchNorm({ channels: 1 })];
    const trainer = await Trainer.create({
      backend,
      module: new Sequential(line.layer, norm),
      objective: ({ x }) => norm.call(line.layer.call(x)).mul(0).sqrt().mean(),
      inputs: { x: inputs.x },
      clipNorm: 1,
    });
    await expect(trainer.advance({ x: feeds.x })).rejects.toThrow(/The gradient is not finite at step 1/);
    expect([norm.runningMean.data[0], norm.runningVariance.data[0]]).toEqual([0, 1]);
    await trainer.dispose();
  });

  it("reads a device's gradients before it calls them finite", async () => {
    const read = async (arrays: readonly TypedArray[]) => {
      for (const array of arrays) array.fill(Number.NaN as never);
    };
    const memory: DeviceMemory = { keep: () => {}, release: () => {}, write: async () => {}, read };
    const load: Backend["load"] = (model, settings) => backend.load(model, settings);
    const settings = { optimizer: sgd({}), weightDecay: 0, clipNorm: 1, ema: 0, measured: false };
    const player = await Player.load({ ...settings, backend: { ...backend, memory, load } }, new FlatParameters(new Line()));
    expect(await player.hasFiniteGradients()).toBe(false);
    await player.dispose();
  });

  it("says when there is nothing to train", async () => {
    class Empty extends Module {}
    await expect(Trainer.create({ backend, module: new Empty(), inputs: { x: { shape: [1] } }, objective: ({ x }) => x })).rejects.toThrow(
      /no parameters to train/,
    );
  });
});

describe("compile", () => {
  it("takes an output named like an input", async () => {
    const program = await compile(backend, ({ x }) => ({ x: x.add(1) }), { inputs: { x: { shape: [2] } } });
    expect([...((await program.run({ x: [1, 2] })).x as Float32Array)]).toEqual([2, 3]);
    await program.dispose();
  });
});
