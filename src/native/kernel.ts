import { type Shape, sizeOf } from "../core/dtype.ts";
import { Assembler, at, type Label, r8, r12, r13, r14, r15, rax, rbp, rbx, rcx, rdi, rdx, rsi, rsp } from "./x64.ts";

// A kernel is machine code for one operation at one shape, wrapped as a custom operator of ONNX Runtime (OrtCustomOp in onnxruntime_c_api.h): one block of
// bytes with the operator's description, the functions that describe it, the one that computes it, and the tasks that the runtime's threads share.

/** Functions of the runtime that kernels call. The block holds a slot for the address of each. */
export const runtimeFunctions = ["getInput", "getOutput", "tensorData", "parallelFor"] as const;

/** One stretch of work, done by all threads before the next begins. */
export interface Phase {
  /** How many independent pieces it falls into. */
  readonly tasks: number;
  /**
   * Write the code of a task. On entry rdi points to the addresses of the inputs and then of the outputs, rsi is the task's number; every integer register
   * but rsp and all vector registers may be changed. The code ends by falling through.
   */
  emit(asm: Assembler): void;
}

/** What a kernel reads, writes and does. */
export interface KernelPlan {
  readonly inputs: number;
  /** Shapes of the results; further ones are room to work in, which nobody reads. All float32. */
  readonly outputs: readonly Shape[];
  readonly phases: readonly Phase[];
}

/** A kernel as bytes that run wherever they are put, once the addresses in them are filled in. */
export interface KernelCode {
  /** The operator's name, unique to what the code does. */
  readonly name: string;
  readonly outputs: readonly Shape[];
  readonly bytes: Uint8Array;
  /** Where 8-byte addresses of places in this block stand; each holds an offset from the block's start. */
  readonly relocations: readonly number[];
  /** Where the address of each runtime function goes. */
  readonly imports: Readonly<Record<(typeof runtimeFunctions)[number], number>>;
  /** Where the OrtCustomOp structure begins. */
  readonly operator: number;
}

/** Version of the OrtCustomOp structure that we fill: the first whose kernels return a status. */
const operatorVersion = 16;
const float32 = 1;
const saved = [rbx, rbp, r12, r13, r14, r15];

/** Turn a plan into code. */
export function assembleKernel(name: string, plan: KernelPlan): KernelCode {
  const asm = new Assembler();
  const imports = Object.fromEntries(runtimeFunctions.map((f) => [f, asm.label()])) as Imports;
  const shapes = plan.outputs.map(() => asm.label());
  const text = asm.label();
  const tasks = plan.phases.map((phase) => emitTask(asm, phase));
  const functions = describe(asm, plan, text);
  functions.computeV2 = emitCompute(asm, plan, tasks, shapes, imports);
  asm.align(8);
  for (const f of runtimeFunctions) {
    asm.bind(imports[f]);
    asm.int64(0n);
  }
  plan.outputs.forEach((shape, i) => {
    asm.bind(shapes[i]);
    for (const dim of shape) asm.int64(BigInt(dim));
  });
  asm.bind(text);
  asm.byte(...new TextEncoder().encode(name), 0);
  asm.align(8);
  const operator = asm.position;
  const relocations = emitOperator(asm, functions);
  const importOffsets = Object.fromEntries(runtimeFunctions.map((f) => [f, imports[f].position])) as KernelCode["imports"];
  return { name, outputs: plan.outputs, bytes: asm.finish(), relocations, imports: importOffsets, operator };
}

/** A function (pointers, task number) in the C calling convention. */
function emitTask(asm: Assembler, phase: Phase): Label {
  asm.align(16);
  const entry = asm.label();
  asm.bind(entry);
  for (const reg of saved) asm.push(reg);
  phase.emit(asm);
  asm.zeroUpper();
  for (const reg of [...saved].reverse()) asm.pop(reg);
  asm.ret();
  return entry;
}

type OperatorFunctions = Record<"name" | "null" | "one" | "inputs" | "outputs" | "zero" | "nothing" | "createV2" | "computeV2", Label>;

/** The small functions that describe the operator: constants, mostly. */
function describe(asm: Assembler, plan: KernelPlan, text: Label): OperatorFunctions {
  const make = (body: () => void): Label => {
    const label = asm.label();
    asm.bind(label);
    body();
    asm.ret();
    return label;
  };
  const constant = (value: number) => make(() => asm.movImmediate(rax, value));
  return {
    name: make(() => asm.leaLabel(rax, text)),
    null: constant(0),
    one: constant(float32),
    inputs: constant(plan.inputs),
    outputs: constant(plan.outputs.length),
    zero: constant(0),
    nothing: make(() => undefined),
    // (op, api, info, out kernel): a kernel has no state, any address will do.
    createV2: make(() => {
      asm.store(at(rcx), rdi);
      asm.xor(rax);
    }),
    computeV2: asm.label(),
  };
}

type Imports = Record<(typeof runtimeFunctions)[number], Label>;

/** (kernel, context) -> status: fetch the addresses of all tensors, then run the phases. */
function emitCompute(asm: Assembler, plan: KernelPlan, tasks: readonly Label[], shapes: readonly Label[], imports: Imports): Label {
  const entry = asm.label();
  const done = asm.label();
  // One push after the return address keeps the stack at a multiple of 16 when the frame is one.
  const value = (plan.inputs + plan.outputs.length) * 8;
  const frame = Math.ceil((value + 8) / 16) * 16;
  asm.align(16);
  asm.bind(entry);
  asm.push(rbx);
  asm.sub(rsp, frame);
  asm.mov(rbx, rsi);
  // Every function returns a status, null when all is well; any other ends the kernel and becomes its own.
  const call = (f: keyof Imports): void => {
    asm.movFromLabel(rax, imports[f]);
    asm.callRegister(rax);
    asm.test(rax);
    asm.jumpIf("notEqual", done);
  };
  fetchTensors(asm, plan, shapes, value, call);
  plan.phases.forEach((phase, i) => {
    if (phase.tasks === 1) {
      asm.mov(rdi, rsp);
      asm.xor(rsi);
      asm.call(tasks[i]);
      return;
    }
    asm.mov(rdi, rbx);
    asm.leaLabel(rsi, tasks[i]);
    asm.movImmediate(rdx, phase.tasks);
    asm.movImmediate(rcx, 0);
    asm.mov(r8, rsp);
    call("parallelFor");
  });
  asm.xor(rax);
  asm.bind(done);
  asm.lea(rsp, at(rsp, frame));
  asm.pop(rbx);
  asm.ret();
  return entry;
}

/** The address of each tensor's numbers to its slot on the stack. rbx is the context, `value` the place of a tensor's handle on the stack. */
function fetchTensors(asm: Assembler, plan: KernelPlan, shapes: readonly Label[], value: number, call: (f: keyof Imports) => void): void {
  const takeAddress = (slot: number): void => {
    asm.mov(rdi, at(rsp, value));
    asm.lea(rsi, at(rsp, slot * 8));
    call("tensorData");
  };
  for (let i = 0; i < plan.inputs; i++) {
    asm.mov(rdi, rbx);
    asm.movImmediate(rsi, i);
    asm.lea(rdx, at(rsp, value));
    call("getInput");
    takeAddress(i);
  }
  plan.outputs.forEach((shape, i) => {
    asm.mov(rdi, rbx);
    asm.movImmediate(rsi, i);
    asm.leaLabel(rdx, shapes[i]);
    asm.movImmediate(rcx, shape.length);
    asm.lea(r8, at(rsp, value));
    call("getOutput");
    takeAddress(plan.inputs + i);
  });
}

/** The OrtCustomOp structure: its version, then the addresses of its functions in the order of the header. */
function emitOperator(asm: Assembler, f: OperatorFunctions): number[] {
  const order = [
    f.null, // CreateKernel
    f.name,
    f.null, // GetExecutionProviderType: the CPU
    f.one, // GetInputType
    f.inputs,
    f.one, // GetOutputType
    f.outputs,
    f.nothing, // KernelCompute
    f.nothing, // KernelDestroy
    f.zero, // GetInputCharacteristic: required
    f.zero, // GetOutputCharacteristic: required
    f.zero, // GetInputMemoryType: default
    f.one, // GetVariadicInputMinArity
    f.one,
    f.one,
    f.one,
    f.createV2,
    f.computeV2,
  ];
  asm.int64(BigInt(operatorVersion));
  return order.map((label) => {
    const position = asm.position;
    asm.int64(BigInt(label.position));
    return position;
  });
}

/** Bytes of float32 tensors of a shape. */
export const bytesOf = (shape: Shape): number => sizeOf(shape) * 4;

/** The largest divisor of `count` that is at most `most`; at least 1. Work is shared out in equal parts, so that one code serves all of them. */
export function largestDivisor(count: number, most: number): number {
  let divisor = Math.max(1, Math.min(count, Math.floor(most)));
  while (count % divisor !== 0) divisor--;
  return divisor;
}
