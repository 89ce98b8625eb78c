import { readFileSync } from "node:fs";
import { RuntimeError, UsageError } from "../../core/errors.ts";
import { type KernelCode, type KernelSet, runtimeFunctions } from "../../native/index.ts";
import { placeCode } from "./executable-memory.ts";
import type { OrtLibrary } from "./ffi.ts";

/** Where the operator description of each kernel is in memory, for each library they call. Kernels are few and small, and are never removed. */
const placed = new WeakMap<OrtLibrary, Map<KernelCode, bigint>>();

/**
 * Put the kernels of a program into executable memory.
 * @returns the addresses of their OrtCustomOp structures
 * @throws RuntimeError when the system gives no such memory (any more)
 */
export function placeKernels(library: OrtLibrary, kernels: KernelSet): bigint[] {
  const known = placed.get(library) ?? new Map<KernelCode, bigint>();
  placed.set(library, known);
  return [...kernels.codes.values()].map((code) => {
    let operator = known.get(code);
    if (operator === undefined) {
      const address = placeCode(code.bytes.length, (base) => filledIn(code, base, library));
      if (address === 0n) throw noMemory();
      operator = address + BigInt(code.operator);
      known.set(code, operator);
    }
    return operator;
  });
}

function noMemory(): RuntimeError {
  return new RuntimeError({
    what: "The system gave no memory for kernels made at run time, though it did at the start.",
    hint: "set ATELIER_KERNELS=0 to do without them",
  });
}

/** The block with every address in it as it is at `base`. */
function filledIn(code: KernelCode, base: bigint, library: OrtLibrary): Uint8Array {
  const bytes = code.bytes.slice();
  const view = new DataView(bytes.buffer);
  for (const offset of code.relocations) view.setBigUint64(offset, base + view.getBigUint64(offset, true), true);
  for (const name of runtimeFunctions) view.setBigUint64(code.imports[name], library.kernelFunctions[name], true);
  return bytes;
}

const needed = ["avx512f", "avx512dq", "avx512bw", "avx512vl"];
/** A function that returns at once. */
const stub = Uint8Array.of(0xc3);

let system: KernelSupport | undefined;

/** Whether kernels are made at run time, and why not. */
export interface KernelSupport {
  readonly available: boolean;
  readonly because?: string;
}

/**
 * Whether this processor and system run our kernels: x86-64 Linux with AVX-512 that lets a process make memory executable, which is tried once.
 * `ATELIER_KERNELS=0` switches them off. @throws UsageError for another value of it
 */
export function kernelSupport(env: Readonly<Record<string, string | undefined>> = process.env): KernelSupport {
  const wanted = env.ATELIER_KERNELS || "1";
  if (wanted !== "0" && wanted !== "1") {
    throw new UsageError({
      what: "The environment variable ATELIER_KERNELS is not understood.",
      got: `"${wanted}"`,
      expected: '"0" or "1"',
    });
  }
  if (wanted === "0") return { available: false, because: "ATELIER_KERNELS is 0" };
  system ??= examineSystem();
  return system;
}

function examineSystem(): KernelSupport {
  if (process.platform !== "linux" || process.arch !== "x64") return { available: false, because: "they are for Linux on x86-64" };
  const missing = needed.filter((flag) => !processorFlags().includes(flag));
  if (missing.length > 0) return { available: false, because: `the processor has no AVX-512 (${missing.join(", ")})` };
  try {
    if (placeCode(stub.length, () => stub) !== 0n) return { available: true };
  } catch {
    // No C library where it is looked for: as good as a refusal.
  }
  return { available: false, because: "the system does not let programs make memory executable" };
}

function processorFlags(): string[] {
  try {
    return /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1].split(/\s+/) ?? [];
  } catch {
    return [];
  }
}
