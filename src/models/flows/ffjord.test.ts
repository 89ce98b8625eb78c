import { describe, expect, test } from "vitest";
import { gradients } from "../../autodiff/gradient.ts";
import { RandomStream } from "../../core/random.ts";
import { drawPointSet } from "../../data/points.ts";
import { moons } from "../../data/sets/moons.ts";
import { constant } from "../../graph/ops/source.ts";
import { drawPoints } from "../../runs/sampling.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { evaluate } from "../../train/evaluate.ts";
import { TrainingSession } from "../../train/session.ts";
import { defaultTraining } from "../model.ts";
import { exactDivergence, type Ffjord, type FfjordConfig, ffjord, forward, hutchinsonDivergence, inverse } from "./ffjord.ts";

const config: FfjordConfig = { ...ffjord.presets.small.config, hidden: [16, 16], rtol: 1e-6, atol: 1e-6 };

/** A field that moves points far: first weights, enlarged. */
function lively(settings: FfjordConfig = config): Ffjord {
  const model = ffjord.build(settings, new RandomStream(3, "first weights"));
  for (const { data } of model.weights) for (let i = 0; i < data.length; i++) data[i] *= 2.5;
  return model;
}

const grid = (count: number, low: number, high: number) =>
  Float32Array.from({ length: 2 * count * count }, (_, i) => {
    const at = i % 2 === 0 ? (i / 2) % count : Math.floor(i / 2 / count);
    return low + ((high - low) * (at + 0.5)) / count;
  });

describe("a flow of points", () => {
  test("there and back again to 1e-5, with one density", async () => {
    const model = lively();
    const backend = await openBackend({ device: "cpu" });
    const program = await compile<"z", string>(
      backend,
      ({ z }) => {
        const { points, logDensity } = forward(model, z);
        const back = inverse(model, points);
        return { points, logDensity, noise: back.noise, again: back.logDensity };
      },
      { inputs: { z: { shape: [25, 2] } } },
    );
    const z = grid(5, -2, 2);
    const { points, logDensity, noise, again } = await program.run({ z });
    const largest = (a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>) =>
      Math.max(...Array.from(a, (v, i) => Math.abs(Number(v) - Number(b[i]))));
    expect(largest(points, z)).toBeGreaterThan(0.5);
    expect(largest(noise, z)).toBeLessThan(1e-5);
    expect(largest(logDensity, again)).toBeLessThan(2e-4);
    await program.dispose();
  });

  test("the integral of the trace is the log-determinant of the whole map's Jacobian", async () => {
    const model = lively();
    const backend = await openBackend({ device: "cpu" });
    const program = await compile<"z", string>(
      backend,
      ({ z }) => {
        const { points, logDensity } = forward(model, z);
        const [first] = gradients(points.slice(1, 0, 1), [z]);
        const [second] = gradients(points.slice(1, 1, 2), [z]);
        return { logDensity, first, second };
      },
      { inputs: { z: { shape: [9, 2] } } },
    );
    const z = grid(3, -1.5, 1.5);
    const { logDensity, first, second } = await program.run({ z });
    for (let i = 0; i < 9; i++) {
      const [a, b, c, d] = [first[2 * i], first[2 * i + 1], second[2 * i], second[2 * i + 1]].map(Number);
      const normal = -Math.log(2 * Math.PI) - 0.5 * (z[2 * i] ** 2 + z[2 * i + 1] ** 2);
      expect(Number(logDensity[i])).toBeCloseTo(normal - Math.log(a * d - b * c), 3);
    }
    await program.dispose();
  });

  test("the density integrates to 1", async () => {
    const model = lively();
    const backend = await openBackend({ device: "cpu" });
    const [side, low, high] = [120, -9, 9];
    const program = await compile<"x", string>(backend, ({ x }) => ({ density: ffjord.logDensity!(model, x).exp() }), {
      inputs: { x: { shape: [side * side, 2] } },
    });
    const { density } = await program.run({ x: grid(side, low, high) });
    const total = (density as Float32Array).reduce((sum, p) => sum + p, 0) * ((high - low) / side) ** 2;
    expect(total).toBeGreaterThan(0.998);
    expect(total).toBeLessThan(1.002);
    await program.dispose();
  });
});

test("Hutchinson's estimate over all signs is the trace", async () => {
  const model = lively();
  const backend = await openBackend({ device: "cpu" });
  const program = await compile<"x", string>(
    backend,
    ({ x }) => {
      const speed = model.field.call(constant(0.3), x);
      const along = (signs: number[]) => hutchinsonDivergence(speed, x, constant(signs, "float32", [1, 2]).expand([4, 2]));
      return {
        exact: exactDivergence(speed, x),
        mean: along([1, 1])
          .add(along([1, -1]))
          .mul(0.5),
      };
    },
    { inputs: { x: { shape: [4, 2] } } },
  );
  const { exact, mean } = await program.run({ x: grid(2, -1, 1) });
  exact.forEach((value, i) => {
    expect(Number(mean[i])).toBeCloseTo(Number(value), 5);
  });
  await program.dispose();
});

test("a short training brings the density to the moons, and reports what the solver took", async () => {
  const backend = await openBackend({ device: "cpu" });
  const settings: FfjordConfig = { ...config, rtol: 1e-3, atol: 1e-3, kinetic: 0.01 };
  const training = { ...defaultTraining, batch: 128, learningRate: 1e-2, epochs: 1e3 };
  const set = drawPointSet(moons.withParameters({ train: 2000, test: 500 }), "train");
  const session = await TrainingSession.create({ record: ffjord, config: settings, training, set, seed: 0, backend });
  const held = drawPointSet(moons.withParameters({ train: 2000, test: 500 }), "test");
  const figures = () => evaluate({ record: ffjord, config: settings, network: session.network, set: held, backend, batch: 250 });
  const before = await figures();
  let terms: Readonly<Record<string, number>> = {};
  for (let i = 0; i < 60; i++) terms = (await session.advance()).terms;
  const after = await figures();
  expect(after.nats).toBeLessThan(before.nats - 0.3);
  expect(after.evaluations % 6).toBe(2);
  for (const name of ["nats", "energy", "forwardEvaluations", "backwardEvaluations"]) expect(terms[name], name).toBeGreaterThan(0);
  await session.dispose();
});

test("samples drift from noise to data, and end where the whole flow does", async () => {
  const backend = await openBackend({ device: "cpu" });
  const model = lively({ ...config, rtol: 1e-5, atol: 1e-5 });
  const frames: Float32Array[] = [];
  const { data, shape } = await drawPoints({ record: ffjord, config, network: model, backend }, 6, 1, {
    onFrame: (points) => frames.push(points.data),
  });
  expect(shape).toEqual([6, 2]);
  expect(frames.length).toBe(25);
  const program = await compile<"z", string>(backend, ({ z }) => ({ points: forward(model, z).points }), {
    inputs: { z: { shape: [6, 2] } },
  });
  const { points } = await program.run({ z: frames[0] });
  points.forEach((value, i) => {
    expect(data[i]).toBeCloseTo(Number(value), 3);
  });
  await program.dispose();
});

test("a field that tears the stream ends in an error that says what to change", async () => {
  const backend = await openBackend({ device: "cpu" });
  const model = lively({ ...config, maxSteps: 3 });
  const program = await compile<"x", string>(backend, ({ x }) => ({ density: ffjord.logDensity!(model, x) }), {
    inputs: { x: { shape: [4, 2] } },
  });
  await expect(program.run({ x: grid(2, -2, 2) })).rejects.toThrow(/too stiff[\s\S]*kinetic/);
  await program.dispose();
});
