// Peak memory and step time of a deep residual net with and without recomputation; each kind in a process of its own.
//
//     node bin/ts.js bench/memory/checkpoint.ts [BLOCKS]
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { checkpoint } from "../../src/autodiff/checkpoint.ts";
import { RandomStream } from "../../src/core/random.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { Conv2d } from "../../src/nn/conv.ts";
import { Module } from "../../src/nn/module.ts";
import { BatchNorm } from "../../src/nn/norm.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { Trainer } from "../../src/train/trainer.ts";

const shape = [16, 32, 32, 32];
const rng = new RandomStream(0, "init");

class Block extends Module {
  readonly first = new Conv2d({ in: 32, out: 32, kernel: 3, padding: 1, rng });
  readonly norm = new BatchNorm({ channels: 32 });
  readonly second = new Conv2d({ in: 32, out: 32, kernel: 3, padding: 1, rng });

  call(x: Tensor): Tensor {
    return x.add(this.second.call(this.norm.call(this.first.call(x)).relu()));
  }
}

class Net extends Module {
  readonly blocks: Block[];
  constructor(count: number) {
    super();
    this.blocks = Array.from({ length: count }, () => new Block());
  }
}

/** Most memory this process has held, in MB. */
const peak = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))![1]) / 1024;

async function measure(blocks: number, kind: string): Promise<void> {
  const net = new Net(blocks);
  const backend = await openBackend();
  const size = Number(kind.split(" ")[1] ?? 1);
  const groups = Array.from({ length: Math.ceil(blocks / size) }, (_, i) => net.blocks.slice(i * size, (i + 1) * size));
  const through = (group: readonly Block[], x: Tensor) => group.reduce((value, block) => block.call(value), x);
  const forward = (x: Tensor) =>
    groups.reduce((value, group) => (kind === "plain" ? through(group, value) : checkpoint((v) => through(group, v), [value])), x);
  const trainer = await Trainer.create<"x">({
    backend,
    module: net,
    objective: ({ x }) => {
      const y = forward(x);
      return y.mul(y).mean();
    },
    inputs: { x: { shape } },
  });
  const x = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => rng.normal());
  const before = peak();
  const times: number[] = [];
  const losses: number[] = [];
  for (let i = 0; i < 5; i++) {
    const started = performance.now();
    losses.push((await trainer.advance({ x })).terms.loss);
    times.push(performance.now() - started);
  }
  console.log(
    JSON.stringify({ kind, blocks, before: Math.round(before), peak: Math.round(peak()), ms: Math.round(Math.min(...times)), losses }),
  );
  await trainer.dispose();
}

const [first, second] = process.argv.slice(2);
if (second !== undefined) await measure(Number(first), second);
else {
  const runner = fileURLToPath(new URL("../../bin/ts.js", import.meta.url));
  for (const kind of ["plain", "checkpoint 1", "checkpoint 2", "checkpoint 4"])
    spawnSync(process.execPath, [runner, fileURLToPath(import.meta.url), first ?? "32", kind], { stdio: "inherit" });
}
