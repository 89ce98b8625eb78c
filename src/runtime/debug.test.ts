import { readFileSync, rmSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { RandomStream } from "../core/random.ts";
import { Linear } from "../nn/linear.ts";
import { Trainer } from "../train/trainer.ts";
import { openBackend } from "./node/open.ts";
import { compile } from "./program.ts";

const printed: string[] = [];

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** Compile x + 0 + 1 at a level; what it printed. */
async function at(level: string): Promise<string> {
  printed.length = 0;
  vi.stubEnv("ATELIER_DEBUG", level);
  vi.spyOn(console, "error").mockImplementation((text: string) => void printed.push(text));
  const program = await compile(await openBackend(), ({ x }) => ({ y: x.add(0).add(1) }), { name: "tiny", inputs: { x: { shape: [2] } } });
  await program.dispose();
  return printed.join("\n");
}

test("each level opens one more layer", async () => {
  expect(await at("")).toBe("");
  expect(await at("0")).toBe("");
  expect(await at("1")).toMatchInlineSnapshot(`
    "[tiny] after passes, 2 of 4 nodes, digest 99512d92b2cce26a:
    inputs: x f32[2]
    %0 f32[] = constant() {data: [1], dtype: float32, shape: []}
    %1 f32[2] = add(x, %0)
    outputs: y = %1"
  `);
  expect(await at("2")).toMatchInlineSnapshot(`
    "[tiny] traced, 4 nodes:
    inputs: x f32[2]
    %0 f32[] = constant() {data: [0], dtype: float32, shape: []}
    %1 f32[2] = add(x, %0)
    %2 f32[] = constant() {data: [1], dtype: float32, shape: []}
    %3 f32[2] = add(%1, %2)
    outputs: y = %3
    [tiny] after passes, 2 of 4 nodes, digest 99512d92b2cce26a:
    inputs: x f32[2]
    %0 f32[] = constant() {data: [1], dtype: float32, shape: []}
    %1 f32[2] = add(x, %0)
    outputs: y = %1"
  `);
  const file = /\[tiny\] ONNX model of \d+ bytes: (.*\.onnx)/.exec(await at("3"))![1];
  expect(readFileSync(file).includes("add#1")).toBe(true);
  rmSync(file);
});

test("level 4 profiles a training when it is disposed of", async () => {
  await at("4");
  const module = new Linear({ in: 2, out: 1, rng: new RandomStream(0, "test") });
  const trainer = await Trainer.create({
    backend: await openBackend(),
    module,
    objective: ({ x }) => module.call(x).square().mean(),
    inputs: { x: { shape: [3, 2] } },
  });
  await trainer.advance({ x: [1, 2, 3, 4, 5, 6] });
  await trainer.dispose();
  const text = printed.join("\n");
  expect(text).toContain("GFLOP/s");
  for (const file of text.matchAll(/bytes: (.*\.onnx)/g)) rmSync(file[1]);
});
