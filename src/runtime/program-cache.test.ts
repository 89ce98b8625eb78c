import { expect, test } from "vitest";
import type { Tensor } from "../graph/tensor.ts";
import type { Backend } from "./backend.ts";
import { openBackend } from "./node/open.ts";
import { compile } from "./program.ts";

/** The CPU backend, with a count of the sessions that it made and freed. */
async function counting(): Promise<{ backend: Backend; made: () => number; freed: () => number }> {
  const real = await openBackend();
  let made = 0;
  let freed = 0;
  const load: Backend["load"] = async (...args) => {
    made++;
    const executable = await real.load(...args);
    return {
      ...{ name: executable.name, inputs: executable.inputs, outputs: executable.outputs },
      bind: (inputs, outputs) => executable.bind(inputs, outputs),
      dispose: () => {
        freed++;
        return executable.dispose();
      },
    };
  };
  const { device, description, target, channelBlock } = real;
  return { backend: { device, description, target, channelBlock, load }, made: () => made, freed: () => freed };
}

const inputs = { x: { shape: [3] } };
const doubled = ({ x }: { x: Tensor }) => ({ y: x.mul(2) });

test("programs of one graph share a session, which is freed with the last of them", async () => {
  const { backend, made, freed } = await counting();
  const [a, b] = await Promise.all([compile(backend, doubled, { inputs, name: "a" }), compile(backend, doubled, { inputs, name: "b" })]);
  expect(made()).toBe(1);
  expect([a.name, b.name]).toEqual(["a", "b"]);
  await Promise.all([a.run({ x: [1, 2, 3] }), b.run({ x: [4, 5, 6] })]);
  expect([...a.outputs.y]).toEqual([2, 4, 6]);
  expect([...b.outputs.y]).toEqual([8, 10, 12]);
  await a.dispose();
  await a.dispose();
  expect(freed()).toBe(0);
  expect([...(await b.run({ x: [1, 1, 1] })).y]).toEqual([2, 2, 2]);
  await expect(a.run()).rejects.toThrow(/after it was disposed/);
  await b.dispose();
  expect(freed()).toBe(1);
  await (await compile(backend, doubled, { inputs })).dispose();
  expect(made()).toBe(2);
});

test("other graphs, and frozen ones, have sessions of their own", async () => {
  const { backend, made } = await counting();
  const programs = [
    await compile(backend, doubled, { inputs }),
    await compile(backend, ({ x }) => ({ y: x.mul(3) }), { inputs }),
    await compile(backend, doubled, { inputs: { x: { shape: [4] } } }),
    await compile(backend, doubled, { inputs, frozen: true }),
  ];
  expect(made()).toBe(4);
  await Promise.all(programs.map((program) => program.dispose()));
});

test("a session that was refused is tried again", async () => {
  const { backend } = await counting();
  let fail = true;
  const flaky: Backend = { ...backend, load: (...args) => (fail ? Promise.reject(new Error("no room")) : backend.load(...args)) };
  await expect(compile(flaky, doubled, { inputs })).rejects.toThrow("no room");
  fail = false;
  await (await compile(flaky, doubled, { inputs })).dispose();
});
