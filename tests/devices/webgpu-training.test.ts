import { describe, expect, test } from "vitest";
import { RuntimeError } from "../../src/core/errors.ts";
import { RandomStream } from "../../src/core/random.ts";
import { numericShape } from "../../src/models/index.ts";
import type { Backend } from "../../src/runtime/backend.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { compile } from "../../src/runtime/program.ts";
import { evaluate } from "../../src/train/evaluate.ts";
import type { TrainingSession } from "../../src/train/session.ts";
import { expectClose } from "./close.ts";
import { openSoftwareGpu } from "./software-gpu.ts";
import { advance, smokeSession } from "./training.ts";

const gpu = await openSoftwareGpu();
const cpu = await openBackend();

describe.skipIf(gpu === undefined)("training on WebGPU, state kept on the device", () => {
  test.each(["mlp", "vae"])("%s: losses, weights, moments, averages and metrics equal the CPU's", async (model) => {
    const [one, other] = [await smokeSession(model, gpu!), await smokeSession(model, cpu)];
    const first = one.trainer.parameters.values.slice();
    expectClose(await advance(one, 6), await advance(other, 6), 1e-4);
    expect(one.trainer.parameters.values).toEqual(first); // the host's copy is old until it is asked for
    await one.trainer.download();
    const expected = other.trainer.tensors();
    for (const [name, { data }] of one.trainer.tensors()) expectClose(data, expected.get(name)!.data, 2e-3);
    const { record, config, set } = one.options;
    const measure = (of: TrainingSession, backend: Backend) =>
      of.trainer.averaged(() => evaluate({ record, config, network: of.network, set, backend, batch: 16 }));
    const [got, wanted] = [await measure(one, gpu!), await measure(other, cpu)];
    expectClose(Object.values(got), Object.values(wanted), 1e-3);
    await Promise.all([one.dispose(), other.dispose()]);
  });

  test("a session goes on from a saved state, and leaves its weights in the module", async () => {
    const [one, other] = [await smokeSession("vae", gpu!), await smokeSession("vae", gpu!)];
    await advance(one, 2);
    await one.trainer.download();
    const saved = new Map([...one.trainer.tensors()].map(([name, { data }]) => [name, data.slice()]));
    const { state } = one;
    other.restore(state, saved);
    expectClose(await advance(other, 3), await advance(one, 3), 1e-6);
    await Promise.all([one.dispose(), other.dispose()]);
    expectClose(other.trainer.parameters.values, one.trainer.parameters.values, 1e-5);
  });

  test("what code changes between steps reaches the device, and nothing else is lost", async () => {
    const sessions = [await smokeSession("mlp", gpu!), await smokeSession("mlp", cpu)];
    const losses = await Promise.all(
      sessions.map(async (one) => {
        await advance(one, 3);
        await one.trainer.download();
        const [parameter] = one.trainer.parameters.parameters;
        parameter.data.fill(0.01);
        await one.trainer.upload();
        return advance(one, 3);
      }),
    );
    expectClose(losses[0], losses[1], 1e-4);
    await Promise.all(sessions.map((one) => one.dispose()));
  });

  test("frozen programs bake in what the device holds", async () => {
    const one = await smokeSession("vae", gpu!);
    await advance(one, 2);
    const { record, config } = one.options;
    const inputs = { images: { shape: [2, ...numericShape(record, config)] } };
    const build = ({ images }: { images: import("../../src/graph/tensor.ts").Tensor }) => ({ codes: record.encode!(one.network, images) });
    const programs = [await compile(gpu!, build, { inputs }), await compile(gpu!, build, { inputs, frozen: true })];
    const images = new Float32Array(programs[0].inputs.images.length);
    new RandomStream(0, "images").fillUniform(images);
    const [live, frozen] = await Promise.all(programs.map((program) => program.run({ images })));
    expectClose(frozen.codes as Float32Array, live.codes as Float32Array, 1e-4);
    await Promise.all([...programs.map((program) => program.dispose()), one.dispose()]);
  });

  test("runs of several programs at once take turns", async () => {
    const sessions = await Promise.all([smokeSession("mlp", gpu!), smokeSession("mlp", gpu!)]);
    const [a, b] = await Promise.all(sessions.map((one) => advance(one, 3)));
    expectClose(a, b, 1e-6);
    await Promise.all(sessions.map((one) => one.dispose()));
  });

  test("an op without a kernel is refused by name", async () => {
    const refused = await compile(gpu!, ({ x }) => ({ y: x.slice(0, 0, 2) }), {
      inputs: { x: { shape: [4], dtype: "int64" } },
      name: "picking",
    }).catch((error: Error) => error);
    expect(refused).toBeInstanceOf(RuntimeError);
    expect((refused as Error).message).toMatchInlineSnapshot(`
      "The op "slice" cannot run on the device "webgpu".
        where:    program "picking"
        got:      inputs int64 [4]
        try:      use --device cpu, or set ATELIER_DEVICE_FALLBACK=1 to let the processor do such ops (each costs a copy there and back)"
    `);
  });
});
