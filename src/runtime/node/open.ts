import { RuntimeError, UsageError, unknownName } from "../../core/errors.ts";
import type { Backend } from "../backend.ts";
import { findChannelBlock } from "../channel-block.ts";
import { locateLibrary, locatePackage, missingLibrary, packageName } from "./locate.ts";

export interface OpenOptions {
  /** What `--device` names; `cpu` unless told. */
  device?: string | undefined;
  /** Called where ONNX Runtime's library is not on this machine yet, to put it into the cache (see install.ts). */
  install?: (() => Promise<unknown>) | undefined;
  /** Told when the slower fallback is used. On stderr unless told. */
  onNotice?: ((line: string) => void) | undefined;
}

type Way = "auto" | "ffi" | "npm";

const devices = ["cpu", "webgpu", "cuda", "coreml", "dml"];

const opened = new Map<Way, Promise<Backend>>();

/**
 * Open the backend of a device; each is opened once per process. On the CPU that is ONNX Runtime through its C API, or through the npm
 * package `onnxruntime-node` where the C API cannot be called. `ATELIER_BACKEND=ffi|npm` forces one of them.
 * @throws RuntimeError when the device is not available or no runtime can be loaded, UsageError for an unknown device or variable.
 */
export async function openBackend(options: OpenOptions = {}): Promise<Backend> {
  const { device = "cpu" } = options;
  if (!devices.includes(device)) throw unknownName("device", device, devices);
  if (device !== "cpu") throw await notAvailable(device, options);
  return openCpu(options);
}

async function withChannelBlock(backend: Backend): Promise<Backend> {
  backend.channelBlock = await findChannelBlock(backend);
  return backend;
}

function openCpu(options: OpenOptions): Promise<Backend> {
  const way = forcedWay();
  let backend = opened.get(way);
  if (backend === undefined) {
    backend = (way === "npm" ? openNpm() : openFfi(options, way === "auto")).then(withChannelBlock);
    opened.set(way, backend);
    backend.catch(() => opened.delete(way)); // the next call may fare better, after an install for example
  }
  return backend;
}

async function openFfi({ install, onNotice = warn }: OpenOptions, mayFallBack: boolean): Promise<Backend> {
  let library = locateLibrary();
  if (library === undefined && install !== undefined) {
    await install();
    library = locateLibrary();
  }
  if (library === undefined) throw missingLibrary();
  try {
    const { FfiBackend } = await import("./ffi-backend.ts"); // koffi's binary may be missing on this platform
    return new FfiBackend(library.path);
  } catch (error) {
    if (!mayFallBack || error instanceof UsageError || library.source === "ATELIER_ORT_LIBRARY") throw loadFailure(error);
    const fallback = await openNpm().catch(() => undefined);
    if (fallback === undefined) throw loadFailure(error);
    onNotice(`ONNX Runtime's C API cannot be called (${reason(error)}); using the slower package ${packageName} instead.`);
    return fallback;
  }
}

async function openNpm(): Promise<Backend> {
  const found = locatePackage();
  if (found === undefined) {
    throw new RuntimeError({
      what: `The package ${packageName} is not installed.`,
      hint: `run \`npm install ${packageName} --ignore-scripts\`, or unset ATELIER_BACKEND`,
    });
  }
  const { NpmBackend } = await import("./npm-backend.ts");
  return new NpmBackend(found.folder);
}

function forcedWay(): Way {
  const forced = process.env.ATELIER_BACKEND;
  if (!forced) return "auto";
  if (forced === "ffi" || forced === "npm") return forced;
  throw new UsageError({
    what: "The environment variable ATELIER_BACKEND is not understood.",
    got: `"${forced}"`,
    expected: '"ffi" or "npm"',
    hint: "unset it to let Atelier choose",
  });
}

async function notAvailable(device: string, options: OpenOptions): Promise<RuntimeError> {
  const providers = await openCpu(options).then(providersOf, () => []);
  return new RuntimeError({
    what: `The device "${device}" is not available: this version runs on the CPU.`,
    got: providers.length === 0 ? undefined : `a library built with ${providers.join(", ")}`,
    expected: "one of: cpu",
    hint: "leave --device out, or use --device cpu",
  });
}

async function providersOf(backend: Backend): Promise<readonly string[]> {
  const { FfiBackend } = await import("./ffi-backend.ts");
  return backend instanceof FfiBackend ? backend.environment.providers : [];
}

function loadFailure(error: unknown): unknown {
  if (error instanceof RuntimeError || error instanceof UsageError) return error;
  return new RuntimeError({
    what: "ONNX Runtime's C API cannot be called.",
    got: reason(error),
    hint: `reinstall Atelier's dependencies, or run \`npm install ${packageName} --ignore-scripts\` to use that package instead`,
    cause: error,
  });
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message.split("\n")[0] : String(error);
}

function warn(line: string): void {
  process.stderr.write(`${line}\n`);
}
