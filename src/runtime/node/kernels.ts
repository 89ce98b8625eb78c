import { readFileSync } from "node:fs";
import { type KernelCode, type KernelSet, runtimeFunctions } from "../../native/index.ts";
import { placeCode } from "./executable-memory.ts";
import type { OrtLibrary } from "./ffi.ts";

/** Where the operator description of each kernel is in memory. Kernels are few and small, and are never removed. */
const placed = new Map<KernelCode, bigint>();

/**
 * Put the kernels of a program into executable memory.
 * @returns the addresses of their OrtCustomOp structures
 */
export function placeKernels(library: OrtLibrary, kernels: KernelSet): bigint[] {
  return [...kernels.codes.values()].map((code) => {
    let operator = placed.get(code);
    if (operator === undefined) {
      const address = placeCode(code.bytes.length, (base) => filledIn(code, base, library));
      operator = address + BigInt(code.operator);
      placed.set(code, operator);
    }
    return operator;
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

/** Whether this processor and system run our kernels: x86-64 Linux with AVX-512. `ATELIER_KERNELS=0` switches them off. */
export function kernelsAvailable(): boolean {
  if (process.env.ATELIER_KERNELS === "0" || process.platform !== "linux" || process.arch !== "x64") return false;
  try {
    const flags = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1].split(/\s+/) ?? [];
    return needed.every((flag) => flags.includes(flag));
  } catch {
    return false;
  }
}
