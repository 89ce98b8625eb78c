import koffi, { type TypeObject } from "koffi";
import { RuntimeError } from "../../core/errors.ts";
import { refused } from "../refusal.ts";
import {
  type Argument,
  apiVersion,
  type Handle,
  type HandleKind,
  isHandle,
  kernelSlots,
  type OrtApi,
  type Slot,
  slots,
  statusSlots,
  tableLength,
} from "./ort-api.ts";

/** ONNX Runtime's shared library, loaded once per process, with its C API as typed functions. */
export interface OrtLibrary {
  readonly path: string;
  /** For example `1.30.0`. */
  readonly version: string;
  /** koffi unloads a library whose handle is collected, functions and all: it must live as long as they do. */
  readonly handle: unknown;
  readonly api: OrtApi;
  /** The text at a NUL-terminated string that the runtime allocated, which stays allocated. */
  readText(text: Handle<"text">): string;
  /** `count` texts of an array of NUL-terminated strings. */
  readTexts(texts: Handle<"textArray">, count: number): string[];
  /** Addresses of the functions that kernels of our own call. */
  readonly kernelFunctions: Readonly<Record<keyof typeof kernelSlots, bigint>>;
  /** The address of an array's memory. The caller keeps the array alive as long as native code may use the address. */
  address(array: ArrayBufferView): bigint;
}

/** A call that ONNX Runtime answered with an error. Callers turn it into a RuntimeError that names the program. */
export class StatusError extends Error {
  /** For example `INVALID_ARGUMENT`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(`[${code}] ${message}`);
    this.name = "StatusError";
    this.code = code;
  }
}

/** OrtErrorCode of onnxruntime_c_api.h, by value. */
const errorCodes = [
  "OK",
  "FAIL",
  "INVALID_ARGUMENT",
  "NO_SUCHFILE",
  "NO_MODEL",
  "ENGINE_ERROR",
  "RUNTIME_EXCEPTION",
  "INVALID_PROTOBUF",
  "MODEL_LOADED",
  "NOT_IMPLEMENTED",
  "INVALID_GRAPH",
  "EP_FAIL",
  "MODEL_LOAD_CANCELED",
  "MODEL_REQUIRES_COMPILATION",
  "NOT_FOUND",
];

/** Room for deep native recursion (nested subgraphs); the default of 128 kiB on other threads is a small margin. */
const stackBytes = 8 << 20;

const opened = new Map<string, OrtLibrary>();

/**
 * Load ONNX Runtime's shared library from an absolute path.
 * @throws RuntimeError when the file is not a library for this platform, or is older than ONNX Runtime 1.23.
 */
export function openLibrary(path: string): OrtLibrary {
  let library = opened.get(path);
  if (library === undefined) {
    library = loadLibrary(path);
    opened.set(path, library);
  }
  return library;
}

/** Turn an error of a native call into a RuntimeError that says what failed in which program. Other errors pass through unchanged. */
export function refusal(what: string, program: string, error: unknown): unknown {
  if (!(error instanceof StatusError)) return error;
  return refused(what, program, error.message, error);
}

function loadLibrary(path: string): OrtLibrary {
  configureStacks();
  let table: bigint[];
  let version: string;
  let library: ReturnType<typeof koffi.load>;
  try {
    library = koffi.load(path);
    const base = library.func("OrtGetApiBase", "void *", [])();
    const [getApi, getVersion]: bigint[] = koffi.decode(base, koffi.array("void *", 2));
    version = koffi.decode(getVersion, koffi.proto("const char *", []))();
    if (!isRecent(version)) throw new Error(`it is ONNX Runtime ${version}, and 1.${apiVersion} or later is needed`);
    const api: bigint = koffi.decode(getApi, koffi.proto("void *", ["uint32_t"]))(apiVersion);
    table = koffi.decode(api, koffi.array("void *", tableLength));
  } catch (cause) {
    throw new RuntimeError({
      what: "ONNX Runtime's library cannot be used.",
      where: path,
      got: cause instanceof Error ? cause.message : String(cause),
      expected: `a library of ONNX Runtime 1.${apiVersion} or later for ${process.platform} ${process.arch}`,
      hint: "run `atelier setup`, or set ATELIER_ORT_LIBRARY to the path of such a library",
      cause,
    });
  }
  return {
    path,
    version,
    handle: library,
    api: bindTable(table),
    kernelFunctions: Object.fromEntries(
      Object.entries(kernelSlots).map(([name, slot]) => [name, table[slot]]),
    ) as OrtLibrary["kernelFunctions"],
    readText: (text) => koffi.decode(text, "char", -1),
    readTexts: (texts, count) => koffi.decode(texts, koffi.array("void *", count)).map((text: bigint) => koffi.decode(text, "char", -1)),
    address: (array) => koffi.address(array),
  };
}

function configureStacks(): void {
  try {
    koffi.config({ sync_stack_size: stackBytes, async_stack_size: stackBytes });
  } catch {
    // Another part of the process has loaded a library through koffi already; its stack sizes also hold our programs, with less margin.
  }
}

/** Asked before `GetApi`, which complains on stderr about a version it does not know. */
function isRecent(version: string): boolean {
  const [major, minor] = version.split(".").map(Number);
  return major > 1 || (major === 1 && minor >= apiVersion);
}

function bindTable(table: readonly bigint[]): OrtApi {
  const pointers = new Map<HandleKind, TypeObject>();
  const pointerOf = (kind: HandleKind) => {
    const pointer = pointers.get(kind) ?? koffi.pointer(koffi.opaque());
    pointers.set(kind, pointer);
    return pointer;
  };
  const throwStatus = statusThrower(table);
  const entries = Object.entries(slots).map(([name, slot]) => [name, bindSlot(name, slot, table[slot.slot], pointerOf, throwStatus)]);
  return Object.fromEntries(entries) as OrtApi;
}

/** A function that throws the error a status describes, after releasing the status. */
function statusThrower(table: readonly bigint[]): (status: bigint) => never {
  const errorCode = koffi.decode(table[statusSlots.errorCode], koffi.proto("int", ["void *"]));
  const errorMessage = koffi.decode(table[statusSlots.errorMessage], koffi.proto("const char *", ["void *"]));
  const release = koffi.decode(table[statusSlots.release], koffi.proto("void", ["void *"]));
  return (status) => {
    const code: number = errorCode(status);
    const message: string = errorMessage(status);
    release(status);
    throw new StatusError(errorCodes[code] ?? `code ${code}`, message);
  };
}

type Box = [unknown];

/**
 * Wrap one function of the table: check every handle and address (the library itself would crash on a null or foreign one), pass a box
 * for each `out` argument, throw on a failed status, return what the boxes hold.
 */
function bindSlot(
  name: string,
  slot: Slot,
  pointer: bigint,
  pointerOf: (kind: HandleKind) => TypeObject,
  throwStatus: (status: bigint) => never,
) {
  const types = slot.args.map((argument) => nativeType(argument, pointerOf));
  const native = koffi.decode(pointer, koffi.proto(slot.returns === "void" ? "void" : "void *", types));
  const encode = (values: readonly unknown[], boxes: Box[]): unknown[] => {
    let next = 0;
    return slot.args.map((argument) => {
      if (argument === "null") return null;
      if (!argument.startsWith("out ")) return checkArgument(name, argument, values[next++]);
      const box: Box = [null];
      boxes.push(box);
      return box;
    });
  };
  const finish = (status: bigint | null | undefined, boxes: readonly Box[]): unknown => {
    if (status) throwStatus(status);
    if (boxes.length < 2) return boxes[0]?.[0];
    return boxes.map((box) => box[0]);
  };
  const call = (...values: unknown[]): unknown => {
    const boxes: Box[] = [];
    return finish(native(...encode(values, boxes)), boxes);
  };
  const async = (...values: unknown[]): Promise<unknown> => {
    const boxes: Box[] = [];
    const args = encode(values, boxes);
    return new Promise((resolve, reject) => {
      native.async(...args, (error: unknown, status: bigint | null) => {
        try {
          if (error) throw error;
          resolve(finish(status, boxes));
        } catch (failure) {
          reject(failure);
        }
      });
    });
  };
  return Object.assign(call, { async });
}

function nativeType(argument: Argument, pointerOf: (kind: HandleKind) => TypeObject): string | TypeObject | ReturnType<typeof koffi.out> {
  if (argument.startsWith("out ")) {
    const inner = argument.slice("out ".length);
    return koffi.out(koffi.pointer(isHandle(inner) ? pointerOf(inner) : inner === "int" ? "int" : "size_t"));
  }
  if (isHandle(argument)) return pointerOf(argument);
  switch (argument) {
    case "int":
      return "int";
    case "size":
      return "size_t";
    case "string":
      return "str";
    case "path":
      return process.platform === "win32" ? "str16" : "str"; // ORTCHAR_T is wchar_t on Windows
    default:
      return "void *";
  }
}

function checkArgument(name: string, argument: Argument, given: unknown): unknown {
  const mustPoint = isHandle(argument) || argument === "memory";
  const isAddress = typeof given === "bigint" && given !== 0n;
  const isArray = argument === "memory" && ArrayBuffer.isView(given);
  if (mustPoint ? isAddress || isArray : given !== undefined) return given;
  throw new RuntimeError({
    what: "A native call was given a handle that is missing or already released.",
    where: `${name}, argument ${argument}`,
    got: String(given),
  });
}
