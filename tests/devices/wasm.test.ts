import { describe, expect, test, vi } from "vitest";
import { gradients } from "../../src/autodiff/gradient.ts";
import type { Example, OpRecord } from "../../src/graph/op.ts";
import { ops } from "../../src/graph/ops/index.ts";
import type { Backend } from "../../src/runtime/backend.ts";
import { openBackend } from "../../src/runtime/node/open.ts";
import { probe } from "../../src/runtime/testing/check.ts";
import { disagreement } from "../../src/runtime/testing/disagreement.ts";
import { expectClose } from "./close.ts";
import { lossesOf, sessionOptions } from "./training.ts";

vi.mock("../../src/runtime/node/locate.ts", { spy: true });

const cpu = await openBackend();
vi.stubEnv("ATELIER_BACKEND", "wasm");
const wasm: Backend = await openBackend();
vi.unstubAllEnvs();

/** One op of each family. */
const some = [
  "add",
  "exp",
  "matmul",
  "conv",
  "convInput",
  "convFilter",
  "gather",
  "scatterAdd",
  "softmax",
  "batchNorm",
  "layerNorm",
  "where",
  "sum",
];

describe("WebAssembly in Node", () => {
  test("can be forced", () => {
    expect(wasm).toMatchObject({ device: "cpu", target: "wasm", description: "onnxruntime-web 1.30.0 (WebAssembly)" });
  });

  test("is used with a notice where there is no native library", async () => {
    vi.resetModules(); // this process has opened the CPU's backend already; fresh modules have not
    const { openBackend: openAgain } = await import("../../src/runtime/node/open.ts");
    const { hasBuild } = await import("../../src/runtime/node/locate.ts");
    vi.mocked(hasBuild).mockReturnValue(false);
    const notices: string[] = [];
    const backend = await openAgain({ onNotice: (line) => notices.push(line) });
    expect(backend.target).toBe("wasm");
    expect(notices).toEqual([
      "ONNX Runtime has no native library for this platform; using WebAssembly (onnxruntime-web), which is several times slower.",
    ]);
  });

  test.each(some)("%s equals the interpreter, its gradient too", async (name) => {
    const op = (ops as unknown as Record<string, OpRecord>)[name];
    for (const example of op.examples as readonly Example<never>[]) {
      const { outputs, inputs, total, feeds } = probe(op, example, "inputs");
      const wanted = [...outputs];
      if (typeof op.gradient === "function")
        wanted.push(
          ...gradients(
            total.mul(total),
            inputs.filter(({ dtype }) => dtype === "float32"),
          ),
        );
      expect(await disagreement(wasm, wanted, feeds)).toBeLessThan(1e-5);
    }
  });

  test.each(["mlp", "vae"])("%s: losses equal the native library's", async (model) => {
    expectClose(await lossesOf(sessionOptions(model, wasm), 4), await lossesOf(sessionOptions(model, cpu), 4), 1e-5);
  });
});
