import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { gradients } from "../autodiff/gradient.ts";
import { RandomStream } from "../core/random.ts";
import { RandomStreams } from "../core/streams.ts";
import { constant, input } from "../graph/ops/source.ts";
import type { Backend } from "../runtime/backend.ts";
import { openBackend } from "../runtime/node/open.ts";
import { compile } from "../runtime/program.ts";
import { codeUses, nearest, usePerplexity, VectorQuantizer } from "./quantize.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend({ device: "cpu" });
});

const rng = () => new RandomStream(0, "quantize");

type Golden = Record<string, number[]> & { count: number; width: number; decay: number; shape: [number, number, number, number] };
const golden = JSON.parse(readFileSync(new URL("../../tests/golden/data/quantize.json", import.meta.url), "utf8")) as Golden;

function expectClose(got: ArrayLike<number | bigint>, want: readonly number[], what: string): void {
  expect(got.length, what).toBe(want.length);
  for (const [i, value] of want.entries()) expect(Number(got[i]), `${what} ${i}`).toBeCloseTo(value, 4);
}

/** One step in training mode on vectors [B, D, H, W]: what call gave, and the loss's gradients for vectors and book. */
async function step(quantizer: VectorQuantizer, values: ArrayLike<number>, shape: readonly number[], weights?: readonly number[]) {
  const inputs = { z: { shape }, w: { shape } };
  const program = await compile(
    backend,
    ({ z, w }) => {
      const { quantized, indices, codebookLoss, commitment } = quantizer.call(z);
      const total = w.mul(quantized).sum().add(codebookLoss.sum()).add(commitment.sum().mul(0.25));
      const wrt = quantizer.weight === undefined ? [z] : [z, quantizer.weight];
      const [dz, dbook = dz] = gradients(total, wrt);
      const perplexity = usePerplexity(codeUses(indices, quantizer.options.count));
      return { quantized, indices, codebookLoss, commitment, dz, dbook, perplexity };
    },
    { inputs, training: true, streams: new RandomStreams(0) },
  );
  const outputs = await program.run({ z: Float32Array.from(values), w: Float32Array.from(weights ?? new Array(values.length).fill(0)) });
  await program.dispose();
  return outputs;
}

describe("against PyTorch", () => {
  const { count, width, decay, shape } = golden;

  test("codes, losses, and gradients that pass straight through", async () => {
    const quantizer = new VectorQuantizer({ count, width, rng: rng(), learning: "gradient", decay });
    quantizer.weight!.data.set(golden.book);
    const got = await step(quantizer, golden.z, shape, golden.weights);
    expect(Array.from(got.indices, Number)).toEqual(golden.indices);
    const pairs = { quantized: "quantized", codebookLoss: "codebook", commitment: "commitment", dz: "dz", dbook: "dbook" } as const;
    for (const [ours, theirs] of Object.entries(pairs)) expectClose(got[ours as keyof typeof pairs], golden[theirs], ours);
    expectClose(got.perplexity, golden.perplexity, "perplexity");
    expectClose(quantizer.uses.data, golden.uses, "uses");
  });

  test("moving averages", async () => {
    const quantizer = new VectorQuantizer({ count, width, rng: rng(), learning: "averages", decay });
    quantizer.codes!.data.set(golden.book);
    quantizer.sums!.data.set(golden.book);
    const got = await step(quantizer, golden.z, shape);
    expectClose(got.quantized, golden.quantized, "quantized by the codes as they were");
    expectClose(quantizer.uses.data, golden.uses, "uses");
    expectClose(quantizer.sums!.data, golden.sums, "sums");
    expectClose(quantizer.codes!.data, golden.averages, "codes");
  });
});

test("by hand: two codes on a line, one vector between them", async () => {
  const quantizer = new VectorQuantizer({ count: 2, width: 1, rng: rng(), learning: "gradient" });
  quantizer.weight!.data.set([0, 1]);
  const got = await step(quantizer, [0.75], [1, 1, 1, 1], [3]);
  expect(Array.from(got.indices, Number)).toEqual([1]);
  expect(got.quantized[0]).toBe(1);
  expect(got.codebookLoss[0]).toBeCloseTo(1 / 16); // (0.75 - 1)²
  expect(got.commitment[0]).toBeCloseTo(1 / 16);
  expect(got.dz[0]).toBeCloseTo(3 + 0.25 * 2 * (0.75 - 1)); // the decoder's, and β's
  expect(Array.from(got.dbook as Float32Array)).toEqual([0, 0.5]); // 2 (1 - 0.75), and nothing from the decoder
});

describe.each(["gradient", "averages"] as const)("dead codes, learning by %s", (learning) => {
  const shape = [4, 2, 1, 2];
  const vectors = Float32Array.from({ length: 16 }, (_, i) => 5 + i);

  /** The vector at row r, [B, H, W] in order. */
  const row = (r: number) => [vectors[(r >> 1) * 4 + (r & 1)], vectors[(r >> 1) * 4 + 2 + (r & 1)]];

  async function book(quantizer: VectorQuantizer): Promise<number[][]> {
    const program = await compile(backend, () => ({ codes: quantizer.vectors().mul(1) }));
    const { codes } = await program.run();
    await program.dispose();
    return Array.from({ length: codes.length / 2 }, (_, k) => [Number(codes[2 * k]), Number(codes[2 * k + 1])]);
  }

  test("are put on vectors of the batch, and then have time to find users", async () => {
    const quantizer = new VectorQuantizer({ count: 6, width: 2, rng: rng(), learning, decay: 0.5, revival: 0.4 });
    expect(Array.from(quantizer.uses.data)).toEqual(new Array(6).fill(Math.fround(0.8)));
    await step(quantizer, vectors, shape); // 0.8 falls to 0.4: not yet below
    const used = quantizer.uses.data.map((uses) => (uses > 0.41 ? 1 : 0));
    expect(used.reduce((a, b) => a + b)).toBeLessThan(6);
    await step(quantizer, vectors, shape);
    const rows = Array.from({ length: 8 }, (_, r) => row(r));
    const codes = await book(quantizer);
    quantizer.uses.data.forEach((uses, k) => {
      if (uses !== Math.fround(0.8)) return;
      const distance = Math.min(...rows.map(([a, b]) => Math.hypot(a - codes[k][0], b - codes[k][1])));
      expect(distance).toBeLessThan(1e-5);
    });
    expect(quantizer.uses.data.some((uses) => uses === Math.fround(0.8))).toBe(true);
  });

  test("without revival stay finite", async () => {
    const quantizer = new VectorQuantizer({ count: 6, width: 2, rng: rng(), learning, decay: 0.5 });
    for (let i = 0; i < 3; i++) await step(quantizer, vectors, shape);
    for (const code of await book(quantizer)) expect(code.every(Number.isFinite)).toBe(true);
  });
});

test("in evaluation nothing is counted", async () => {
  const quantizer = new VectorQuantizer({ count: 4, width: 2, rng: rng(), learning: "averages", revival: 1 });
  const before = [quantizer.uses.data.slice(), quantizer.codes!.data.slice()];
  const inputs = { z: { shape: [1, 2, 2, 2] } };
  const program = await compile(backend, ({ z }) => ({ q: quantizer.call(z).quantized }), { inputs });
  await program.run();
  await program.dispose();
  expect([quantizer.uses.data, quantizer.codes!.data]).toEqual(before);
});

test("perplexity is the number of codes that are in equal use", async () => {
  const program = await compile(backend, () => {
    const uses = codeUses(nearest(constant([0, 0.2, 5, 6], "float32", [4, 1]), constant([0, 5.5, 100], "float32", [3, 1])), 3);
    return { uses, perplexity: usePerplexity(uses) };
  });
  const { uses, perplexity } = await program.run();
  expect(Array.from(uses as Float32Array)).toEqual([2, 2, 0]);
  expect(perplexity[0]).toBeCloseTo(2, 5);
  await program.dispose();
});

test("bad sizes, decays and vectors are named", () => {
  const good = { count: 4, width: 2, learning: "averages" as const };
  expect(() => new VectorQuantizer({ ...good, count: 0, rng: rng() })).toThrow("count must be a whole number above 0");
  expect(() => new VectorQuantizer({ ...good, decay: 1, rng: rng() })).toThrow("the decay must be in (0, 1)");
  expect(() => new VectorQuantizer({ ...good, revival: -1, rng: rng() })).toThrow("revival must be at least 0");
  expect(() => new VectorQuantizer({ ...good, rng: rng() }).call(input("z", [1, 3, 2, 2]))).toThrow("the codes' width 2");
});
