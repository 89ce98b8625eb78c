import { RuntimeError } from "../core/errors.ts";

/** The error for a model, array or run that the runtime refused, with its own words less the places in its source code. */
export function refused(what: string, program: string, message: string, cause?: unknown): RuntimeError {
  const got = message.replace(/\S*onnxruntime_src\S+:\d+ .*?(\[ONNXRuntimeError\] : \d+ : |\) (?=[A-Z]))/gs, "").trim();
  if (/bad_alloc|bad allocation|failed to allocate/i.test(got)) {
    const size = /size (\d+)/.exec(got)?.[1];
    return new RuntimeError({
      what: "There is not enough memory.",
      where: `program "${program}"`,
      got: size === undefined ? got : `no room for another ${(Number(size) / 2 ** 20).toFixed(0)} MB`,
      hint: "take a smaller batch (--batch), a smaller model, or checkpoint(fn, inputs) around its blocks; or close other programs",
      cause,
    });
  }
  return new RuntimeError({ what, where: `program "${program}"`, got, cause });
}
