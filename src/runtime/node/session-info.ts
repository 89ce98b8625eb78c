import type { DType } from "../../core/dtype.ts";
import { RuntimeError } from "../../core/errors.ts";
import type { ValueInfo } from "../backend.ts";
import type { Environment } from "./environment.ts";
import type { Handle } from "./ort-api.ts";

/** ONNXTensorElementDataType of the element types we use. */
export const elementType: Record<DType, number> = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 };

const dtypeOf = new Map(Object.entries(elementType).map(([dtype, code]) => [code, dtype as DType]));

/**
 * Names, element types and shapes of a session's inputs and outputs; free dimensions are -1.
 * @throws RuntimeError for values that are no tensors or have an element type that we do not use.
 */
export function readSessionInfo(
  environment: Environment,
  session: Handle<"session">,
  program: string,
): { inputs: ValueInfo[]; outputs: ValueInfo[] } {
  const { api } = environment.library;
  const describe = (
    index: number,
    readName: typeof api.inputName | typeof api.outputName,
    readType: typeof api.inputTypeInfo | typeof api.outputTypeInfo,
  ) => {
    const name = takeText(environment, readName(session, index, environment.allocator));
    const type = readType(session, index);
    try {
      return readValueInfo(environment, type, name, program);
    } finally {
      api.releaseTypeInfo(type);
    }
  };
  return {
    inputs: Array.from({ length: api.inputCount(session) }, (_, index) => describe(index, api.inputName, api.inputTypeInfo)),
    outputs: Array.from({ length: api.outputCount(session) }, (_, index) => describe(index, api.outputName, api.outputTypeInfo)),
  };
}

/** Read a text that the runtime allocated for us, and free it. */
export function takeText(environment: Environment, text: Handle<"text">): string {
  const content = environment.library.readText(text);
  environment.library.api.allocatorFree(environment.allocator, text);
  return content;
}

function readValueInfo(environment: Environment, type: Handle<"typeInfo">, name: string, program: string): ValueInfo {
  const { api } = environment.library;
  const tensor = api.tensorInfoOfType(type); // null for sequences, maps and the like; owned by the type info
  const code = tensor ? api.elementType(tensor) : undefined;
  const dtype = code === undefined ? undefined : dtypeOf.get(code);
  if (dtype === undefined) {
    throw new RuntimeError({
      what: `The program "${program}" has an input or output of a kind that is not supported.`,
      where: `value "${name}"`,
      got: code === undefined ? "not a tensor" : `ONNX element type ${code}`,
      expected: `a tensor of ${Object.keys(elementType).join(", ")}`,
    });
  }
  const dims = new BigInt64Array(api.dimensionCount(tensor));
  if (dims.length > 0) api.dimensions(tensor, dims, dims.length);
  return { name, dtype, shape: Array.from(dims, (dim) => Math.max(-1, Number(dim))) };
}
