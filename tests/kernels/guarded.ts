import koffi from "koffi";
import type { KernelRequest } from "../../src/graph/onnx.ts";
import { type KernelCode, KernelSet } from "../../src/native/index.ts";
import { Assembler, at, r8, r12, r13, rax, rbp, rbx, rcx, rdi, rdx, rsi, rsp } from "../../src/native/x64.ts";
import { placeCode } from "../../src/runtime/node/executable-memory.ts";
import type { OrtLibrary } from "../../src/runtime/node/ffi.ts";
import { placeKernels } from "../../src/runtime/node/kernels.ts";

// Kernels run without the runtime, every tensor between pages that may not be touched: a load or store beyond its end kills the process.

const page = 4096;
const libc = koffi.load("libc.so.6");
const map = libc.func("mmap", "void *", ["void *", "size_t", "int", "int", "int", "int64_t"]);
const protect = libc.func("mprotect", "int", ["void *", "size_t", "int"]);
const unmap = libc.func("munmap", "int", ["void *", "size_t"]);

export type Side = "start" | "end";

/** Float32 numbers that begin or end at the edge of what may be touched. */
class Guarded {
  readonly address: bigint;
  readonly values: Float32Array;
  readonly #base: bigint;
  readonly #bytes: number;

  constructor(count: number, side: Side) {
    const inside = Math.max(1, Math.ceil((count * 4) / page)) * page;
    this.#bytes = inside + 2 * page;
    this.#base = map(null, this.#bytes, 0, 0x22, -1, 0);
    if (protect(this.#base + BigInt(page), inside, 3) !== 0) throw new Error("mprotect failed");
    this.address = this.#base + BigInt(side === "start" ? page : page + inside - count * 4);
    this.values = new Float32Array(koffi.view(this.address, count * 4));
  }

  free(): void {
    unmap(this.#base, this.#bytes);
  }
}

/** What a kernel calls, in place of the runtime: handles are addresses, tasks run one after another. */
function standIns(inputs: number, order: "forward" | "backward"): OrtLibrary["kernelFunctions"] {
  const asm = new Assembler();
  const begin = () => {
    asm.align(16);
    return asm.position;
  };
  const giveBack = () => {
    asm.xor(rax);
    asm.ret();
  };
  const tensorData = begin();
  asm.store(at(rsi), rdi);
  giveBack();
  const getInput = begin();
  asm.mov(rax, { base: rdi, index: rsi, scale: 8 });
  asm.store(at(rdx), rax);
  giveBack();
  const getOutput = begin();
  asm.mov(rax, { base: rdi, index: rsi, scale: 8, disp: inputs * 8 });
  asm.store(at(r8), rax);
  giveBack();
  const parallelFor = begin();
  const saved = [rbx, rbp, r12, r13];
  for (const register of saved) asm.push(register);
  asm.sub(rsp, 8);
  asm.mov(rbx, rsi);
  asm.mov(r12, rdx);
  asm.mov(r13, r8);
  asm.xor(rbp);
  const top = asm.label();
  asm.bind(top);
  asm.mov(rdi, r13);
  asm.mov(rsi, rbp);
  if (order === "backward") {
    // The task's number from the other end: total - 1 - i.
    asm.multiply(rcx, rbp, -1);
    asm.lea(rsi, { base: r12, index: rcx, disp: -1 });
  }
  asm.callRegister(rbx);
  asm.add(rbp, 1);
  asm.compareRegister(rbp, r12);
  asm.jumpIf("less", top);
  asm.lea(rsp, at(rsp, 8));
  for (const register of saved.reverse()) asm.pop(register);
  giveBack();
  const bytes = asm.finish();
  const address = placeCode(bytes.length, () => bytes);
  const offsets = { tensorData, getInput, getOutput, parallelFor };
  return Object.fromEntries(Object.entries(offsets).map(([name, at]) => [name, address + BigInt(at)])) as OrtLibrary["kernelFunctions"];
}

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Run a kernel once. Its outputs and room to work in begin as NaN. @returns the outputs, room to work in included */
function run(code: KernelCode, kernels: KernelSet, inputs: readonly Float32Array[], side: Side): Float32Array[] {
  const library = { kernelFunctions: standIns(inputs.length, side === "start" ? "backward" : "forward") } as OrtLibrary;
  const [operator] = placeKernels(library, kernels);
  const compute = (koffi.decode(operator, koffi.array("void *", 19)) as bigint[])[18];
  const tensors = [...inputs.map((values) => values.length), ...code.outputs.map(size)].map((count) => new Guarded(count, side));
  tensors.forEach((tensor, i) => {
    if (i < inputs.length) tensor.values.set(inputs[i]);
    else tensor.values.fill(Number.NaN);
  });
  const context = BigInt64Array.from(tensors, (tensor) => tensor.address);
  const status = koffi.decode(compute, koffi.proto("void *", ["void *", "void *"]))(null, koffi.address(context));
  if (status !== null && status !== 0n) throw new Error(`status ${status}`);
  const results = tensors.slice(inputs.length).map((tensor) => tensor.values.slice());
  for (const tensor of tensors) tensor.free();
  return results;
}

/**
 * A request's kernel with its tensors at both edges, for one thread and for two.
 * @returns the first `outputs` results, or undefined where there is no such kernel
 * @throws Error when they depend on the edge or, but for filter gradients, on the number of threads
 */
export function runGuarded(request: KernelRequest, inputs: readonly Float32Array[], outputs: number): Float32Array[] | undefined {
  const results: Float32Array[][] = [];
  for (const threads of [1, 2]) {
    const kernels = new KernelSet(threads);
    const code = kernels.find(request) as KernelCode | undefined;
    if (code === undefined) continue;
    for (const side of ["end", "start"] as const) results.push(run(code, kernels, inputs, side).slice(0, outputs));
  }
  // The filter gradient adds up over pictures, which tasks may divide.
  const onThreads = request.kernel === "convFilter";
  for (const [at, other] of results.entries()) {
    const first = results[onThreads ? at - (at % 2) : 0];
    const same = other.every((values, i) => Buffer.from(values.buffer).equals(Buffer.from(first[i].buffer)));
    if (!same) throw new Error("the result depends on where the tensors are or on the number of threads");
  }
  return results[0];
}
