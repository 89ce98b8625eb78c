import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

it("the engine tour shows what its comments say", () => {
  const env: NodeJS.ProcessEnv = { ...process.env };
  for (const name of ["NODE_V8_COVERAGE", "ATELIER_DEBUG"]) delete env[name];
  const tour = [path.join(root, "bin", "ts.js"), path.join(root, "docs", "engine-tour.ts")];
  const { status, stdout, stderr } = spawnSync(process.execPath, tour, { cwd: root, env, encoding: "utf8" });
  expect(status, stderr).toBe(0);
  const wanted = [
    'y is Tensor(f32[2,3]), made by "add"',
    "matmul: the inner dimensions differ: 3 and 2",
    "where:    docs/engine-tour.ts:",
    "%1 f32[2,3] = mul(x, %0)",
    "the interpreter says 1 3 5 7 9 11",
    "%10 f32[3,1] = matmul(x, %9) {transA: true, transB: false}",
    "13 nodes before, 9 after",
    "its nodes are matmul#0, tanh#1, sum#2, constant#3, mul#4, sub#5, matmul#6",
    "score 1.99505, slope 0.00000 0.00987 0.01974",
    "with a weight of zeros the score is 0",
    "hidden.weight, hidden.bias, more.weight, more.bias, head.weight, head.bias: 1218 numbers in one vector",
    "%0 f32[128,32] = gemm(points, leaf:0, leaf:1) {transA: false, transB: true}",
  ];
  for (const line of wanted) expect(stdout).toContain(line);
  const losses = [...stdout.matchAll(/loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
  expect(losses).toHaveLength(4);
  expect(losses[3]).toBeLessThan(0.1 * losses[0]);
  expect(stdout).toMatch(/\d+ of 1000 fresh points are classified right \(target: 980\)/);
});
