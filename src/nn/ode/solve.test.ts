import { describe, expect, test } from "vitest";
import { gradients } from "../../autodiff/gradient.ts";
import { RandomStream } from "../../core/random.ts";
import { collect } from "../../graph/graph.ts";
import { Parameter } from "../../graph/leaf.ts";
import { stopGradient } from "../../graph/ops/control.ts";
import { concat } from "../../graph/ops/movement.ts";
import { scan } from "../../graph/ops/scan.ts";
import { constant, input } from "../../graph/ops/source.ts";
import { simplify } from "../../graph/passes/simplify.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { verify } from "../../graph/verify.ts";
import { interpret } from "../../runtime/interpreter.ts";
import { openBackend } from "../../runtime/node/open.ts";
import { compile } from "../../runtime/program.ts";
import { gradientError, weightedSum } from "../../runtime/testing/check.ts";
import { trainModule } from "../../train/train-module.ts";
import { Linear } from "../linear.ts";
import { Module, namedParameters } from "../module.ts";
import { type OdeOptions, odeSolve, type TimeDerivative } from "./solve.ts";

const tight = { rtol: 1e-8, atol: 1e-8 };
const y0 = input("y", [2, 2]);
const w = input("w", [2, 2]);
const b = input("b", [2]);
const feeds = () => ({
  y: Float64Array.of(1, 0.5, -0.3, 0.8),
  w: Float64Array.of(-0.4, 1.2, -1.1, 0.2),
  b: Float64Array.of(0.1, -0.2),
});

/** tanh(y³ W) + b sin t: neither linear nor the same at all times. */
const bent: TimeDerivative = (t, [y]) => [
  y
    .mul(y)
    .mul(y)
    .matmul(w)
    .tanh()
    .add(b.mul(t.add(1).log())),
];

function solved(options: OdeOptions, times: readonly [number, number] = [0.5, 2]): Tensor {
  return odeSolve(bent, [y0], times, options, [w, b]).state[0];
}

const numbers = (tensors: readonly Tensor[], values: Record<string, Float64Array | readonly number[]>) => {
  const graph = collect(tensors.map((tensor, i) => ({ name: `y${i}`, tensor })));
  return Object.values(interpret(graph, values)).map(({ data }) => [...data]);
};

describe("systems with known solutions", () => {
  test.each([
    ["exponential decay, there and back", (_t: Tensor, [y]: readonly Tensor[]) => [y.mul(-1.5)], [2], [0, 2], [2 * Math.exp(-3)]],
    ["backwards in time", (_t: Tensor, [y]: readonly Tensor[]) => [y.mul(-1.5)], [2], [2, 0], [2 * Math.exp(3)]],
    ["depends on time alone", (t: Tensor, [y]: readonly Tensor[]) => [y.mul(0).add(t.square().mul(3))], [1], [1, 3], [27]],
    [
      "a circle",
      (_t: Tensor, [y]: readonly Tensor[]) => [concat([y.slice(0, 1, 2).neg(), y.slice(0, 0, 1)])],
      [1, 0],
      [0, 2 * Math.PI],
      [1, 0],
    ],
    ["no change at all", (_t: Tensor, [y]: readonly Tensor[]) => [y.mul(0)], [3], [0, 1], [3]],
    ["no time at all", (_t: Tensor, [y]: readonly Tensor[]) => [y.mul(-1.5)], [2], [1, 1], [2]],
  ] as const)("%s", (_name, derivative, start, times, expected) => {
    const y = input("y", [start.length]);
    const { state, evaluations } = odeSolve(derivative as unknown as TimeDerivative, [y], times as readonly [number, number], tight, []);
    const [got, [count]] = numbers([...state, evaluations], { y: [...start] });
    expected.forEach((value, i) => {
      expect(Math.abs(got[i] - value)).toBeLessThan(1e-6 * Math.max(1, Math.abs(value)));
    });
    expect(count % 6).toBe(2);
  });

  test("fixed steps have their order", () => {
    const derivative: TimeDerivative = (t, [y]) => [y.mul(t)];
    const y = input("y", [1]);
    const error = (method: "euler" | "midpoint" | "rk4", steps: number) => {
      const { state, evaluations } = odeSolve(derivative, [y], [0, 1], { method, steps }, []);
      const [[got], [count]] = numbers([...state, evaluations], { y: [1] });
      expect(count).toBe(steps * { euler: 1, midpoint: 2, rk4: 4 }[method]);
      return Math.abs(got - Math.exp(0.5));
    };
    expect(Math.log2(error("euler", 32) / error("euler", 64))).toBeCloseTo(1, 1);
    expect(Math.log2(error("midpoint", 16) / error("midpoint", 32))).toBeCloseTo(2, 1);
    expect(Math.log2(error("rk4", 2) / error("rk4", 4))).toBeCloseTo(4, 0);
  });
});

describe("gradients", () => {
  const loss = (y: Tensor) => weightedSum([y], 3);

  test("the adjoint's equal finite differences", () => {
    expect(gradientError(loss(solved(tight)), [y0, w, b], feeds())).toBeLessThan(1e-5);
    expect(gradientError(loss(solved(tight, [2, 0.5])), [y0, w, b], feeds())).toBeLessThan(1e-5);
  });

  test("the adjoint's equal those through many small steps, whatever the loss's scale", () => {
    const through = numbers(gradients(loss(solved({ method: "rk4", steps: 40 })), [y0, w, b]), feeds());
    for (const scale of [1, 1e-6]) {
      const adjoint = numbers(gradients(loss(solved({ rtol: 1e-7, atol: 1e-7 })).mul(scale), [y0, w, b]), feeds());
      adjoint.forEach((values, i) => {
        values.forEach((value, j) => {
          expect(Math.abs(value / scale - through[i][j])).toBeLessThan(1e-5);
        });
      });
    }
  });

  test("several tensors in a state, one of them only adding up", () => {
    const energy = input("e", [2]);
    const both: TimeDerivative = (t, [y]) => {
      const [dy] = bent(t, [y]);
      return [dy, dy.square().sum(1)];
    };
    const end = odeSolve(both, [y0, energy], [0, 1], tight, [w, b]).state;
    expect(end.map(({ shape }) => shape)).toEqual([[2, 2], [2]]);
    expect(gradientError(weightedSum(end, 5), [y0, energy, w, b], { ...feeds(), e: Float64Array.of(0.2, 0) })).toBeLessThan(1e-5);
  });

  test("there are no second ones through an adjoint, but through fixed steps", () => {
    const twice = (options: OdeOptions) =>
      gradients(
        gradients(loss(solved(options)), [y0])[0]
          .square()
          .sum(),
        [w],
      )[0];
    expect(() => twice(tight)).toThrow(/A while loop has no gradient/);
    expect(numbers([twice({ method: "midpoint", steps: 4 })], feeds())[0].every(Number.isFinite)).toBe(true);
  });
});

describe("on the runtime", () => {
  test("values, gradients and evaluations are the interpreter's", async () => {
    const backend = await openBackend({ device: "cpu" });
    const inputs = { y: { shape: [2, 2] }, w: { shape: [2, 2] }, b: { shape: [2] } };
    const program = await compile<"y" | "w" | "b", string>(
      backend,
      ({ y, w: weight, b: bias }, trace) => {
        const derivative: TimeDerivative = (t, [at]) => [at.matmul(weight).tanh().add(bias.mul(t))];
        const { state, evaluations } = odeSolve(derivative, [y], [0, 1], { rtol: 1e-5, atol: 1e-5 }, [weight, bias]);
        const [dy, dw, db] = gradients(weightedSum(state, 3), [y, weight, bias]);
        return { end: state[0], evaluations, dy, dw, db, ...Object.fromEntries(trace.notes) };
      },
      { inputs },
    );
    verify(simplify(program.graph), "simplify");
    const values = Object.fromEntries(Object.entries(feeds()).map(([name, data]) => [name, Float32Array.from(data)]));
    const got = await program.run(values);
    const expected = interpret(program.graph, values);
    for (const [name, numbers] of Object.entries(got))
      expected[name].data.forEach((value, i) => {
        expect(Number(numbers[i]), name).toBeCloseTo(value, 5);
      });
    expect(got.forwardEvaluations).toEqual(got.evaluations);
    expect(Number(got.backwardEvaluations[0]) % 6).toBe(2);
    await program.dispose();
  });

  test("a stiff system ends in an error that says what to change", async () => {
    const backend = await openBackend({ device: "cpu" });
    const program = await compile<"y", string>(
      backend,
      ({ y }) => ({ end: odeSolve((_t, [at]) => [at.mul(-1e4)], [y], [0, 1], { maxSteps: 50 }, []).state[0] }),
      { inputs: { y: { shape: [1] } }, name: "stiff" },
    );
    await expect(program.run({ y: [1] })).rejects.toThrowErrorMatchingInlineSnapshot(`
      [AtelierError: The ODE solver did not reach the end of its time on the way forward: the system is too stiff for it.
        where:    in the program "stiff"
        got:      no end within maxSteps = 50, or steps too short for float32, at rtol 0.00001 and atol 0.00001
        expected: to arrive within the step limit
        try:      raise the tolerances (rtol, atol) or the limit (maxSteps); in training lower the learning rate, or add a kinetic penalty, the mean of |f|² along the way, that keeps the flow simple]
    `);
    await program.dispose();
  });

  test("one that runs away does too, at once", async () => {
    const backend = await openBackend({ device: "cpu" });
    const program = await compile<"y", string>(
      backend,
      ({ y }) => ({ end: odeSolve((_t, [at]) => [at.square()], [y], [0, 2], { maxSteps: 100_000 }, []).state[0] }),
      { inputs: { y: { shape: [1] } } },
    );
    await expect(program.run({ y: [1] })).rejects.toThrow(/too stiff/);
    await program.dispose();
  });
});

test("outside of a trace and inside a loop the unfinished is NaN", () => {
  const y = input("y", [1]);
  const end = (at: Tensor) => odeSolve((_t, [s]) => [s.mul(-1e4)], [at], [0, 1], { maxSteps: 5 }, []).state[0];
  expect(numbers([end(y)], { y: [1] })).toEqual([[Number.NaN]]);
  const looped = scan(([s]) => ({ carry: [end(s)] }), { init: [y], length: 3 }).carry[0];
  expect(numbers([looped], { y: [1] })).toEqual([[Number.NaN]]);
});

/** A small field, dy/dt = W₂ tanh(W₁ y³), as in the first example of Chen et al. */
class Field extends Module {
  readonly first = new Linear({ in: 2, out: 16, rng: new RandomStream(1, "first") });
  readonly second = new Linear({ in: 16, out: 2, rng: new RandomStream(1, "second") });

  solve(start: Tensor, span: number): Tensor {
    const derivative: TimeDerivative = (_t, [y]) => [this.second.call(this.first.call(y.mul(y).mul(y)).tanh())];
    return odeSolve(derivative, [start], [0, span], { rtol: 1e-4, atol: 1e-4 }, [...namedParameters(this).values()]).state[0];
  }
}

test("a field learns a spiral from pairs of points", async () => {
  // dy/dt = A y³ from points of its own path, each with the point 0.1 later; A = [[-0.1, 2], [-2, -0.1]].
  const path: number[][] = [[2, 0]];
  for (let i = 0; i < 4000; i++) {
    const [p, q] = path[i].map((v) => v ** 3);
    path.push([path[i][0] + 0.0025 * (-0.1 * p + 2 * q), path[i][1] + 0.0025 * (-2 * p - 0.1 * q)]);
  }
  const from = path.slice(0, 3960).filter((_, i) => i % 20 === 0);
  const to = path.slice(40, 4000).filter((_, i) => i % 20 === 0);
  const field = new Field();
  const report = await trainModule({
    backend: await openBackend({ device: "cpu" }),
    module: field,
    objective: ({ from: start, to: end }) => field.solve(start, 0.1).sub(end).square().sum(1).mean(),
    data: {
      from: { shape: [from.length, 2], values: Float32Array.from(from.flat()) },
      to: { shape: [to.length, 2], values: Float32Array.from(to.flat()) },
    },
    batch: 66,
    steps: 300,
    learningRate: 1e-2,
  });
  const tail = report.losses.slice(-20).reduce((a, c) => a + c) / 20;
  expect(tail).toBeLessThan(0.05 * report.losses[0]);
  expect(report.terms.forwardEvaluations).toBeGreaterThan(8);
  expect(report.terms.backwardEvaluations).toBeGreaterThan(8);
});

describe("what it refuses", () => {
  const y = input("y", [2]);
  const same: TimeDerivative = (_t, [s]) => [s];
  const weight = new Parameter([2], new Float32Array(2));
  test.each([
    ["no state", () => odeSolve(same, [], [0, 1], {}, []), /must be float32 tensors/],
    ["integers", () => odeSolve(same, [constant(1, "int32")], [0, 1], {}, []), /must be float32 tensors/],
    ["another shape", () => odeSolve((_t, [s]) => [s.sum()], [y], [0, 1], {}, []), /must have the shapes of the state/],
    ["a tolerance of 0", () => odeSolve(same, [y], [0, 1], { rtol: 0 }, []), /rtol is out of range/],
    ["a bad tolerance back", () => odeSolve(same, [y], [0, 1], { backward: { rtol: 1, atol: 2 } }, []), /backward.rtol is out of range/],
    ["no steps", () => odeSolve(same, [y], [0, 1], { maxSteps: 0 }, []), /maxSteps is out of range/],
    ["no equal steps", () => odeSolve(same, [y], [0, 1], { method: "rk4", steps: 0.5 }, []), /steps is out of range/],
    ["an endless time", () => odeSolve(same, [y], [0, Number.POSITIVE_INFINITY], {}, []), /a time is out of range/],
    ["a time of two numbers", () => odeSolve(same, [y], [0, y], {}, []), /must be a float32 scalar/],
    ["a parameter that is not listed", () => odeSolve((_t, [s]) => [s.mul(weight)], [y], [0, 1], {}, []), /not among `parameters`/],
  ])("%s", (_what, build, message) => expect(build).toThrow(message));

  test("but not one that is kept from training", () => {
    expect(() => odeSolve((_t, [s]) => [s.mul(stopGradient(weight))], [y], [0, 1], {}, [])).not.toThrow();
  });
});
