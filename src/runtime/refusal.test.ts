import { expect, test } from "vitest";
import { refused } from "./refusal.ts";

test("keeps what the runtime says, without the places in its source code", () => {
  const kernel =
    "Non-zero status code returned while running Gemm node. Name:'dense' Status Message: /onnxruntime_src/onnxruntime/core/framework/op_kernel.cc:83 " +
    "virtual OrtValue* onnxruntime::OpKernelContext::OutputMLValue(int, const onnxruntime::TensorShape&) [ONNXRuntimeError] : 2 : INVALID_ARGUMENT : the shape is wrong\n";
  expect(refused("A run of a program failed.", "dense", kernel).message).toMatchInlineSnapshot(`
    "A run of a program failed.
      where:    program "dense"
      got:      Non-zero status code returned while running Gemm node. Name:'dense' Status Message: INVALID_ARGUMENT : the shape is wrong"
  `);
  const enforce =
    "Exception during initialization: /onnxruntime_src/onnxruntime/core/a.cc:12 void onnxruntime::Check(const Graph&, int) Node is missing";
  expect(refused("ONNX Runtime refused a model.", "m", enforce).problem.got).toBe("Exception during initialization: Node is missing");
  expect(refused("ONNX Runtime refused a model.", "m", "no such file").problem.got).toBe("no such file");
});
