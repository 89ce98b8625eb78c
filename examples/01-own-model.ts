/**
 * A generative model of your own in twenty lines: learn a velocity field that carries noise to data, then follow it.
 * (Flow matching: Lipman et al. 2022, arXiv:2210.02747, Eq. 23 with straight paths.)
 *
 *   paper     here        shape     range or unit
 *   x₁        x           [B, 2]    points of two interleaved half circles of radius 1
 *   x₀        noise       [B, 2]    N(0, I)
 *   t         time        [B, 1]    0 is noise, 1 is data
 *   v(x, t)   velocity()  [B, 2]    distance per unit of time
 *
 * Run it: `node bin/ts.js examples/01-own-model.ts` in a clone, `node 01-own-model.ts` in a project that installed the package (Node 22.18 or later).
 * Target: drawn points lie within 0.12 of the half circles on average; noise lies about 0.5 away. Some ten seconds on two cores.
 */
import { compile, concat, RandomStream, type Tensor } from "atelier";
import { Linear, Module, meanSquaredError, silu, terms } from "atelier/nn";
import { openDevice } from "atelier/runtime/node";
import { trainModule } from "atelier/train";

const rng = new RandomStream(7, "example");

class Flow extends Module {
  readonly layers = [3, 64, 64].map((size) => new Linear({ in: size, out: 64, rng }));
  readonly head = new Linear({ in: 64, out: 2, rng });

  velocity(x: Tensor, time: Tensor): Tensor {
    return this.head.call(this.layers.reduce((h, layer) => silu(layer.call(h)), concat([x, time], 1)));
  }
}

const flow = new Flow();
const backend = await openDevice("cpu");

// Training: a point on the straight path from noise to data moves with the velocity x - noise.
const { losses } = await trainModule({
  backend,
  module: flow,
  data: { x: { shape: [4096, 2], values: twoMoons(4096) } },
  batch: 256,
  steps: 3000,
  learningRate: 2e-3,
  objective: ({ x }, random) => {
    const noise = random.normal("noise", x.shape);
    const time = random.uniform("time", [x.shape[0], 1]);
    const between = noise.add(x.sub(noise).mul(time));
    return terms({ velocity: meanSquaredError(flow.velocity(between, time), x.sub(noise)) });
  },
});

// Sampling: follow the velocity from noise, in 50 steps of Euler's method.
const inputs = { x: { shape: [1000, 2] }, time: { shape: [1000, 1] } };
const move = await compile(backend, ({ x, time }) => ({ x: x.add(flow.velocity(x, time).mul(1 / 50)) }), { inputs });
const points = new Float32Array(2000);
rng.fillNormal(points);
const before = distance(points);
for (let step = 0; step < 50; step++) {
  const moved = await move.run({ x: points, time: new Float32Array(1000).fill(step / 50) });
  points.set(moved.x as Float32Array);
}
await move.dispose();

const after = distance(points);
console.log(`loss                    ${mean(losses.slice(0, 20)).toFixed(3)} -> ${mean(losses.slice(-200)).toFixed(3)}`);
console.log(`distance to the moons   ${before.toFixed(3)} -> ${after.toFixed(3)} (target: below 0.12)`);
if (!(after < 0.12)) process.exitCode = 1;

/** Points of two half circles of radius 1, [count, 2], flat: one around (-0.5, -0.25) that opens down, one around (0.5, 0.25) that opens up. */
function twoMoons(count: number): Float32Array {
  const all = new Float32Array(2 * count);
  for (let i = 0; i < all.length; i += 2) {
    const side = rng.uniform() < 0.5 ? 1 : -1;
    const angle = Math.PI * rng.uniform();
    all.set([side * (Math.cos(angle) - 0.5), side * (Math.sin(angle) - 0.25)], i);
  }
  return all;
}

/** Mean distance of points from the nearer half circle. */
function distance(all: Float32Array): number {
  let total = 0;
  for (let i = 0; i < all.length; i += 2) total += Math.min(toMoon(all[i], all[i + 1], 1), toMoon(all[i], all[i + 1], -1));
  return (2 * total) / all.length;
}

function toMoon(x: number, y: number, side: 1 | -1): number {
  const across = side * x + 0.5;
  const up = side * y + 0.25;
  return up >= 0 ? Math.abs(Math.hypot(across, up) - 1) : Math.hypot(Math.abs(across) - 1, up);
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b) / values.length;
}
