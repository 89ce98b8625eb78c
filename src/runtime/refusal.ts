import { RuntimeError } from "../core/errors.ts";

/** The error for a model, array or run that the runtime refused, with its own words less the places in its source code. */
export function refused(what: string, program: string, message: string, cause?: unknown): RuntimeError {
  const got = message.replace(/\S*onnxruntime_src\S+:\d+ .*?(\[ONNXRuntimeError\] : \d+ : |\) (?=[A-Z]))/gs, "").trim();
  return new RuntimeError({ what, where: `program "${program}"`, got, cause });
}
