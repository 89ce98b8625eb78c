// The ODE solver against SciPy on systems whose equations are written here and there (reference_ode.py made the file).
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { gradients } from "../../src/autodiff/gradient.ts";
import { collect } from "../../src/graph/graph.ts";
import { cos, sin } from "../../src/graph/ops/elementwise.ts";
import { concat } from "../../src/graph/ops/movement.ts";
import { input } from "../../src/graph/ops/source.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { odeSolve } from "../../src/nn/ode/solve.ts";
import { interpret } from "../../src/runtime/interpreter.ts";

interface Case {
  system: string;
  start: number[];
  parameters: number[];
  times: [number, number];
  end: number[];
  endByStart: number[][];
  endByParameters: number[][];
  evaluations: number;
}

const { cases } = JSON.parse(readFileSync(new URL("data/ode.json", import.meta.url), "utf8")) as { cases: Case[] };
const parts = (x: Tensor) => Array.from({ length: x.size }, (_, i) => x.slice(0, i, i + 1));

const systems: Readonly<Record<string, (t: Tensor, y: readonly Tensor[], p: readonly Tensor[]) => Tensor[]>> = {
  lotkaVolterra: (_t, [x, y], p) => [p[0].mul(x).sub(p[1].mul(x).mul(y)), p[2].mul(x).mul(y).sub(p[3].mul(y))],
  vanDerPol: (_t, [x, v], [mu]) => [v, mu.mul(x.square().neg().add(1)).mul(v).sub(x)],
  lorenz: (_t, [x, y, z], p) => [p[0].mul(y.sub(x)), x.mul(p[1].sub(z)).sub(y), x.mul(y).sub(p[2].mul(z))],
  forced: (t, [x, v], p) => [
    v,
    sin(x)
      .neg()
      .sub(p[0].mul(v))
      .add(p[1].mul(cos(t.mul(2)))),
  ],
};

describe.each(cases.map((c) => [`${c.system} from ${c.times[0]} to ${c.times[1]}`, c] as const))("%s", (_name, stored) => {
  const start = input("start", [stored.start.length]);
  const parameters = input("parameters", [stored.parameters.length]);
  const feeds = { start: stored.start, parameters: stored.parameters };
  const solve = (tolerance: number) => {
    const derivative = (t: Tensor, [y]: readonly Tensor[]) => [concat(systems[stored.system](t, parts(y), parts(parameters)))];
    return odeSolve(derivative, [start], stored.times, { rtol: tolerance, atol: tolerance }, [parameters]);
  };
  const numbers = (tensors: readonly Tensor[]) => {
    const graph = collect(tensors.map((tensor, i) => ({ name: `y${i}`, tensor })));
    return Object.values(interpret(graph, feeds)).map(({ data }) => [...data]);
  };
  const expectClose = (got: readonly number[], expected: readonly number[], tolerance: number) => {
    const scale = Math.max(1, ...expected.map(Math.abs));
    got.forEach((value, i) => {
      expect(Math.abs(value - expected[i]) / scale).toBeLessThan(tolerance);
    });
  };

  test("it ends where SciPy does, in about as many evaluations", () => {
    const { state, evaluations } = solve(1e-6);
    const [end, [count]] = numbers([...state, evaluations]);
    expectClose(end, stored.end, 1e-4);
    expect(count / stored.evaluations).toBeGreaterThan(0.6);
    expect(count / stored.evaluations).toBeLessThan(1.5);
    expectClose(numbers(solve(1e-9).state)[0], stored.end, 1e-6);
  });

  test("the adjoint's gradients are those of SciPy's end points", () => {
    parts(solve(1e-9).state[0]).forEach((part, i) => {
      const [byStart, byParameters] = numbers(gradients(part.sum(), [start, parameters]));
      expectClose(byStart, stored.endByStart[i], 1e-5);
      expectClose(byParameters, stored.endByParameters[i], 1e-5);
    });
  });
});
