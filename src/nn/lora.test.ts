import { beforeAll, expect, test } from "vitest";
import { RandomStream } from "../core/random.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Backend } from "../runtime/backend.ts";
import { openBackend } from "../runtime/node/open.ts";
import { compile } from "../runtime/program.ts";
import { Trainer } from "../train/trainer.ts";
import { Linear } from "./linear.ts";
import { Lora } from "./lora.ts";
import { Module, namedParameters } from "./module.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend();
});

class Net extends Module {
  readonly up = new Linear({ in: 4, out: 6, rng: new RandomStream(0, "up") });
  readonly inner = [new Linear({ in: 6, out: 6, bias: false, rng: new RandomStream(0, "inner") })];
  readonly lm_head = new Linear({ in: 6, out: 3, rng: new RandomStream(0, "head") });
  call(x: Tensor): Tensor {
    return this.lm_head.call(this.inner[0].call(this.up.call(x).tanh()));
  }
}

const x = Float32Array.from({ length: 8 }, (_, i) => Math.sin(i));

async function resultOf(network: Net): Promise<number[]> {
  const program = await compile<"x", "y">(backend, ({ x }) => ({ y: network.call(x) }), { inputs: { x: { shape: [2, 4] } } });
  const y = [...(await program.run({ x })).y] as number[];
  await program.dispose();
  return y;
}

const close = (a: readonly number[], b: readonly number[], digits = 5) => {
  a.forEach((value, i) => {
    expect(value).toBeCloseTo(b[i], digits);
  });
};

test("adapters change nothing at first, are trained alone, and can be merged, unmerged and removed", async () => {
  const network = new Net();
  const before = await resultOf(network);
  const weights = [...namedParameters(network)].map(([name, { data }]) => [name, [...data]] as const);
  const lora = Lora.create(network, { rank: 2 }, new RandomStream(1, "lora"));
  expect(lora.names).toEqual(["up", "inner.0"]);
  expect(lora.parameterCount).toBe(2 * (4 + 6) + 2 * (6 + 6));
  expect(namedParameters(network).size).toBe(weights.length);
  expect(await resultOf(network)).toEqual(before);

  const trainer = await Trainer.create({
    backend,
    module: lora,
    objective: ({ x }: { x: Tensor }) => {
      const total = network.call(x).square().sum();
      return { total, terms: { total } };
    },
    inputs: { x: { shape: [2, 4] } },
    learningRate: 0.05,
  });
  for (let i = 0; i < 20; i++) await trainer.advance({ x });
  await trainer.dispose();
  for (const [name, values] of weights) expect([...namedParameters(network).get(name)!.data]).toEqual(values);
  const trained = await resultOf(network);
  const energy = (y: readonly number[]) => y.reduce((sum, v) => sum + v * v, 0);
  expect(energy(trained)).toBeLessThan(energy(before) / 2);

  lora.merge();
  lora.merge();
  close(await resultOf(network), trained);
  expect([...namedParameters(network).get("up.weight")!.data]).not.toEqual(weights[0][1]);
  lora.unmerge();
  close(await resultOf(network), trained);
  lora.remove();
  close(await resultOf(network), before);
});

test("targets are whole paths or their ends, and one that nothing has is refused", () => {
  const create = (targets: string[]) => Lora.create(new Net(), { rank: 1, targets }, new RandomStream(0, "lora")).names;
  expect(create(["0"])).toEqual(["inner.0"]);
  expect(create(["inner.0", "lm_head"])).toEqual(["inner.0", "lm_head"]);
  expect(() => create(["p"])).toThrowErrorMatchingInlineSnapshot(`
    [UsageError: The network has no linear map of this name.
      got:      p
      expected: one or more of: up, 0, lm_head]
  `);
  expect(() => Lora.create(new Net(), { rank: 0 }, new RandomStream(0, "lora"))).toThrow("rank must be a whole number");
});

test("given matrices give W + (α / r) B A", async () => {
  const network = new Net();
  const A = Float32Array.from({ length: 8 }, (_, i) => Math.cos(i));
  const B = Float32Array.from({ length: 12 }, (_, i) => Math.sin(3 * i));
  Lora.of(network, { rank: 2, alpha: 5 }, new Map([["up", { A, B, rank: 2 }]]));
  const adapted = await resultOf(network);
  const direct = new Net();
  for (let o = 0; o < 6; o++)
    for (let i = 0; i < 4; i++) direct.up.weight.data[o * 4 + i] += 2.5 * (B[o * 2] * A[i] + B[o * 2 + 1] * A[4 + i]);
  close(adapted, await resultOf(direct));
  expect(() => Lora.of(network, { rank: 2 }, new Map([["down", { A, B, rank: 2 }]]))).toThrow("no such linear map");
});
