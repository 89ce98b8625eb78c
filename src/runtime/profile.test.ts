import { expect, test } from "vitest";
import { RuntimeError } from "../core/errors.ts";
import { collect, type Graph } from "../graph/graph.ts";
import { Parameter } from "../graph/leaf.ts";
import { input } from "../graph/ops/source.ts";
import type { Backend, ProfileRow } from "./backend.ts";
import { openBackend } from "./node/open.ts";
import { profileProgram, profileTable, readProgramProfile, sumProfile } from "./profile.ts";
import { compile } from "./program.ts";

/** x w, exponential: one layer of 2 · 100 · 10 · 4 operations and 400 more. */
function graph(): Graph {
  const weight = new Parameter([10, 4], new Float32Array(40));
  weight.path = "head.weight";
  return collect([{ name: "y", tensor: input("x", [100, 10]).matmul(weight).exp() }]);
}

const row = (node: string, op: string, microseconds: number): ProfileRow => ({ node, op, microseconds, count: 1, shapes: "" });
const rows = [
  row("head/matmul#0", "MatMul", 10),
  row("head/matmul#0.1", "Transpose", 5),
  row("head/exp#1", "Exp", 4),
  row("copy", "Identity", 1),
];

test("rows are told by the user's layer and op, and operations are counted once", () => {
  const profile = readProgramProfile("step", graph(), { runs: 2, runMicroseconds: 25, rows });
  expect(profile.rows.map(({ layer, part, flops }) => ({ layer, part, flops }))).toEqual([
    { layer: "head", part: "matmul", flops: 8000 },
    { layer: "head", part: "matmul", flops: 0 },
    { layer: "head", part: "exp", flops: 400 },
    { layer: undefined, part: undefined, flops: 0 },
  ]);
  expect(sumProfile(profile, "operator").map(({ key }) => key)).toEqual(["MatMul", "Transpose", "Exp", "Identity"]);
  expect(sumProfile(profile, "layer")[0]).toEqual({
    key: "head",
    nodes: 3,
    count: 3,
    microseconds: 19,
    share: 0.95,
    gflops: expect.closeTo(8.4 / 19),
  });
  expect(profileTable(profile, "op")).toMatchInlineSnapshot(`
    "step: 0.03 ms a run, mean of 2, 0.3 GFLOP/s
    op          count  µs   share  GFLOP/s
    matmul          2  15  75.0 %      0.5
    exp             1   4  20.0 %      0.1
    (Identity)      1   1   5.0 %        -
    "
  `);
  expect(profileTable(profile, "node", 2)).toMatchInlineSnapshot(`
    "step: 0.03 ms a run, mean of 2, 0.3 GFLOP/s
    node                       count  µs   share  GFLOP/s
    head/matmul#0 MatMul           1  10  50.0 %      0.8
    head/matmul#0.1 Transpose      1   5  25.0 %        -
    2 more                         2   5
    "
  `);
});

test("a program profiles itself on the values it is bound to, and leaves them alone", async () => {
  const weight = new Parameter([10, 4], new Float32Array(40).fill(1));
  weight.path = "head.weight";
  const program = await compile(await openBackend(), ({ x }) => ({ y: x.matmul(weight).exp() }), {
    name: "mine",
    inputs: { x: { shape: [5, 10] } },
  });
  const { y } = await program.run({ x: new Float32Array(50).fill(0.1) });
  const before = y.slice();
  const profile = await program.profile(2);
  expect(profile).toMatchObject({ name: "mine", runs: 2 });
  expect(
    sumProfile(profile, "op")
      .map(({ key }) => key)
      .sort(),
  ).toEqual(["exp", "matmul"]);
  expect(new Set(profile.rows.map(({ layer }) => layer))).toEqual(new Set(["head"]));
  expect(program.outputs.y).toEqual(before);
  await program.dispose();
});

test("a backend without a profiler says so", async () => {
  const backend: Backend = {
    device: "cpu",
    description: "a plain one",
    target: "portable",
    load: () => Promise.reject(new Error("unused")),
  };
  const options = { name: "p", optimize: "none" as const, inputs: {} };
  await expect(profileProgram(backend, graph(), new Uint8Array(), options)).rejects.toThrow(RuntimeError);
});

test("ops that share a pass over memory are one row, whose operations are not known", () => {
  const shared = [row("head/exp#1+", "fused_7", 4)];
  const profile = readProgramProfile("step", graph(), { runs: 2, runMicroseconds: 4, rows: shared });
  expect(profile.rows.map(({ layer, part, flops }) => ({ layer, part, flops }))).toEqual([{ layer: "head", part: "fused pass", flops: 0 }]);
});
