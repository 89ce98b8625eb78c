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

test("a failed allocation says what to do", () => {
  const said =
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Exception during initialization: BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 4294967296";
  expect(refused("A run of a program failed.", "vae training step", said).message).toMatchInlineSnapshot(`
    "There is not enough memory.
      where:    program "vae training step"
      got:      no room for another 4096 MB
      try:      take a smaller batch (--batch), a smaller model, or checkpoint(fn, inputs) around its blocks; or close other programs"
  `);
  expect(refused("A run of a program failed.", "vae training step", "std::bad_alloc").message).toContain("not enough memory");
});
