import { beforeAll, describe, expect, test } from "vitest";
import { RandomStream } from "../core/random.ts";
import { RandomStreams } from "../core/streams.ts";
import { customGradient } from "../graph/ops/control.ts";
import { constant } from "../graph/ops/source.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Dropout } from "../nn/dropout.ts";
import { Linear } from "../nn/linear.ts";
import { Module, namedParameters } from "../nn/module.ts";
import { BatchNorm } from "../nn/norm.ts";
import type { Backend } from "../runtime/backend.ts";
import { openBackend } from "../runtime/node/open.ts";
import { compile } from "../runtime/program.ts";
import { checkpoint } from "./checkpoint.ts";
import { gradients } from "./gradient.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await openBackend();
});

class Block extends Module {
  readonly linear: Linear;
  readonly norm = new BatchNorm({ channels: 6 });
  readonly dropout = new Dropout(0.3);

  constructor(seed: number) {
    super();
    this.linear = new Linear({ in: 6, out: 6, rng: new RandomStream(seed, "block") });
  }

  call(x: Tensor): Tensor {
    return x.add(this.dropout.call(this.norm.call(this.linear.call(x)).tanh()));
  }
}

class Net extends Module {
  readonly blocks = [new Block(0), new Block(1), new Block(2)];
}

type Through = (fn: (...xs: Tensor[]) => Tensor, xs: readonly Tensor[]) => Tensor;
const plain: Through = (fn, xs) => fn(...xs);
const wraps: [string, Through][] = [
  ["each block", checkpoint],
  ["nested", (fn, xs) => checkpoint((...inner) => checkpoint(fn, inner), xs)],
];

/** Loss, all gradients, running statistics and a second derivative of a small net, as numbers. */
async function numbers(through: Through) {
  const net = new Net();
  const parameters = [...namedParameters(net)];
  const program = await compile<"x", string>(
    backend,
    ({ x }) => {
      const y = net.blocks.reduce((value, block) => through((v) => block.call(v), [value]), x);
      const loss = y.mul(y).mean();
      const derived = gradients(loss, [x, ...parameters.map(([, leaf]) => leaf)]);
      const penalty = gradients(derived[0].mul(derived[0]).sum(), [net.blocks[1].linear.weight])[0];
      return { loss, penalty, ...Object.fromEntries(derived.map((d, i) => [i === 0 ? "x'" : parameters[i - 1][0], d])) };
    },
    { inputs: { x: { shape: [5, 6] } }, training: true, streams: new RandomStreams(3) },
  );
  const stream = new RandomStream(0, "x");
  const outputs = await program.run({ x: Float32Array.from({ length: 30 }, () => stream.normal()) });
  const result = { ...outputs, running: net.blocks[2].norm.runningMean.data.slice() };
  await program.dispose();
  return { result, ops: program.graph.nodes.map((node) => node.op.name) };
}

describe.each(wraps)("checkpoint: %s", (_, through) => {
  test("values, gradients, second derivatives, draws and running statistics are those of the plain net", async () => {
    const [expected, got] = [await numbers(plain), await numbers(through)];
    expect(Object.keys(got.result)).toEqual(Object.keys(expected.result));
    for (const [name, values] of Object.entries(expected.result)) {
      (got.result as Record<string, Float32Array>)[name].forEach((value, i) => {
        expect(value).toBeCloseTo(Number(values[i]), 6);
      });
    }
    const norms = (ops: string[]) => ops.filter((name) => name === "batchNorm").length;
    expect(norms(expected.ops)).toBe(3);
    expect(norms(got.ops)).toBeGreaterThan(5);
    expect(got.ops).not.toContain("checkpoint");
  });
});

test("several results, integer inputs, results without a gradient, and gradients of one's own", async () => {
  const build =
    (through: typeof checkpoint) =>
    ({ x, labels }: Record<"x" | "labels", Tensor>) => {
      const [a, , c] = through(
        (v, l) => {
          const rows = v.mul(l.cast("float32").reshape([3, 1]));
          return [rows.exp(), rows.abs(), customGradient(rows.mul(2), [rows], (dy) => [dy.mul(v.add(5))])] as const;
        },
        [x, labels],
      );
      const loss = a.sum().add(c.mul(constant([1, 2], "float32", [2])).sum());
      return { gradient: gradients(loss, [x])[0], a };
    };
  const results: Float32Array[][] = [];
  for (const through of [checkpoint, ((fn, xs) => fn(...xs)) as typeof checkpoint]) {
    const program = await compile<"x" | "labels", "gradient" | "a">(backend, build(through), {
      inputs: { x: { shape: [3, 2] }, labels: { shape: [3], dtype: "int32" } },
    });
    const { gradient, a } = await program.run({ x: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], labels: [1, 2, 3] });
    results.push([(gradient as Float32Array).slice(), (a as Float32Array).slice()]);
    await program.dispose();
  }
  expect(results[0]).toEqual(results[1]);
});
