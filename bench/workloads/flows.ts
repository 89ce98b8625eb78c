import { RandomStream } from "../../src/core/random.ts";
import { constant } from "../../src/graph/ops/source.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { relu } from "../../src/nn/activations.ts";
import { Linear } from "../../src/nn/linear.ts";
import { Module } from "../../src/nn/module.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { compile } from "../../src/runtime/program.ts";
import { fill, POOL, pictures, STREAMS, uniform } from "../harness/values.ts";
import type { Prepared, Workload } from "../harness/workload.ts";
import { trainingWorkload } from "./training.ts";

// The RealNVP of Generative Deep Learning, 2nd ed., ch. 6 (points of the plane), and the controller of ch. 12.

const width = 256;

/** Points [B, 2] -> [B, 2] by five dense layers. */
class Dense extends Module {
  readonly layers: Linear[];

  constructor(rng: RandomStream) {
    super();
    this.layers = [2, width, width, width, width].map((inputs, i) => new Linear({ in: inputs, out: i === 4 ? 2 : width, rng }));
  }

  call(x: Tensor): Tensor {
    return this.layers.reduce((h, layer, i) => (i < 4 ? relu(layer.call(h)) : layer.call(h)), x);
  }
}

/** Points [B, 2] -> points, and the logarithm of the determinant [B], from data to noise. (Dinh et al. 2016, Eq. 9, inverted.) */
class Coupling extends Module {
  readonly scale: Dense;
  readonly shift: Dense;
  readonly #kept: number;

  constructor(kept: number, rng: RandomStream) {
    super();
    this.scale = new Dense(rng);
    this.shift = new Dense(rng);
    this.#kept = kept;
  }

  call(x: Tensor): { points: Tensor; logDeterminant: Tensor } {
    const rest = constant([this.#kept, 1 - this.#kept]);
    const held = x.mul(constant([1 - this.#kept, this.#kept]));
    const s = this.scale.call(held).tanh().mul(rest);
    const t = this.shift.call(held).mul(rest);
    return { points: held.add(rest.mul(x.sub(t).mul(s.neg().exp()))), logDeterminant: s.sum(1).neg() };
  }
}

class RealNvp extends Module {
  readonly layers: Coupling[];

  constructor(rng: RandomStream) {
    super();
    this.layers = Array.from({ length: 6 }, (_, i) => new Coupling(i % 2, rng));
  }

  /** Negative log-likelihood of points [B, 2] under a standard normal distribution, in nats per point. */
  loss(x: Tensor): Tensor {
    let [points, total] = [x, undefined as Tensor | undefined];
    for (const layer of this.layers) {
      const out = layer.call(points);
      points = out.points;
      total = total?.add(out.logDeterminant) ?? out.logDeterminant;
    }
    return points
      .square()
      .sum(1)
      .mul(0.5)
      .add(Math.log(2 * Math.PI))
      .sub(total!)
      .mean();
  }
}

const realNvp = trainingWorkload({
  name: "realnvp",
  summary: "RealNVP on points, 6 couplings of two 5-layer nets of 256 (2.4 million parameters), batch 256, Adam",
  build: (rng) => new RealNvp(rng),
  objective: (network, { points }) => network.loss(points),
  inputs: { points: { shape: [256, 2] } },
  batches: () => ({ points: pictures([256, 2], -1) }),
  learningRate: 1e-4,
});

/** As an evolution strategy calls it: weights read in place (they change from candidate to candidate), one observation in, one action out. */
const controller: Workload = {
  name: "controller",
  summary: "1,000 calls of a 35-16-3 net, one observation each, one after the other",
  async prepare(): Promise<Prepared> {
    const rng = new RandomStream(0, "controller");
    const layers = [new Linear({ in: 35, out: 16, rng }), new Linear({ in: 16, out: 3, rng })];
    fill(...layers);
    const backend = await openBackend({ device: "cpu" });
    const program = await compile(backend, ({ x }) => ({ y: layers.reduce((h, layer) => layer.call(h).tanh(), x) }), {
      name: "controller",
      inputs: { x: { shape: [1, 35] } },
    });
    const pool = Array.from({ length: POOL }, (_, i) => uniform(STREAMS.images, 35, -1, 1, i * 35));
    return {
      step: async () => {
        let total = 0;
        for (let i = 0; i < 1000; i++) {
          const { y } = await program.run({ x: pool[i % POOL] });
          total += (y as Float32Array)[0];
        }
        if (!Number.isFinite(total)) throw new Error("the controller's actions are not finite");
      },
      close: () => program.dispose(),
    };
  },
};

export const flowWorkloads: readonly Workload[] = [realNvp, controller];
