import { expect, test } from "vitest";
import { State } from "./leaf.ts";
import { greater } from "./ops/elementwise.ts";
import { scan } from "./ops/scan.ts";
import { input } from "./ops/source.ts";
import { currentTrace, Trace, withTrace } from "./trace.ts";

test("draws are inputs named after their use; further uses of a name are numbered in the order of the code", () => {
  const trace = new Trace({ training: true });
  const first = trace.normal("noise", [2, 3]);
  trace.uniform("mask", [4]);
  trace.normal("noise", [5]);
  trace.normal("noise", [6]);
  expect(trace.draws.map(({ name, kind }) => [name, kind])).toEqual([
    ["random:noise", "normal"],
    ["random:mask", "uniform"],
    ["random:noise.1", "normal"],
    ["random:noise.2", "normal"],
  ]);
  expect(first.shape).toEqual([2, 3]);
  expect(first.node.attrs.role).toBe("random");
});

test("layers see the innermost trace, and none after an error", () => {
  const outer = new Trace({ training: true });
  const inner = new Trace({ training: false });
  withTrace(outer, () => {
    expect(withTrace(inner, () => currentTrace("a layer"))).toBe(inner);
    expect(currentTrace("a layer")).toBe(outer);
  });
  const fails = () => {
    throw new Error("inside");
  };
  expect(() => withTrace(outer, fails)).toThrow("inside");
  expect(() => currentTrace("BatchNorm")).toThrowErrorMatchingInlineSnapshot(`
    [AtelierError: BatchNorm was called outside of a traced function.
      try:      call the model inside the function that you pass to compile(), or inside withTrace(new Trace({ training: false }), ...)]
  `);
});

test("an update must be like the state it renews", () => {
  const trace = new Trace({ training: true });
  const state = new State([3], "float32");
  const fresh = state.add(1);
  trace.update(state, fresh);
  expect(trace.updates.get(state)).toBe(fresh);
  expect(() => trace.update(state, input("x", [4]))).toThrow(/must be like the old one[\s\S]*f32\[3\] and f32\[4\]/);
});

test("notes of one name are added up; what a loop's steps would note or demand is dropped", () => {
  const trace = new Trace({ training: true });
  const x = input("x", []);
  withTrace(trace, () => {
    trace.note("turns", x);
    trace.note("turns", x);
    scan(
      ([state]) => {
        trace.note("turns", state);
        trace.note("inside", state);
        trace.note("outside", x.exp());
        trace.demand(greater(state, 0), { what: "inside" });
        trace.demand(greater(x, 0), { what: "outside" });
        return { carry: [state.mul(2)] };
      },
      { init: [x], length: 3 },
    );
  });
  expect([...trace.notes.keys()]).toEqual(["turns", "outside"]);
  expect(trace.notes.get("turns")!.node.inputs).toEqual([x, x]);
  expect(trace.demands.map(({ problem }) => problem.what)).toEqual(["outside"]);
});
