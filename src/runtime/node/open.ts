import { RuntimeError, UsageError, unknownName } from "../../core/errors.ts";
import type { Backend } from "../backend.ts";
import { findChannelBlock } from "../channel-block.ts";
import { requirePrecision } from "../precision.ts";
import {
  hasBuild,
  locateLibrary,
  locatePackage,
  missingLibrary,
  packageName,
  platformBuild,
  type RuntimeLibrary,
  thisPlatform,
} from "./locate.ts";
import { type Provider, providers } from "./providers.ts";

export interface OpenOptions {
  /** What `--device` names; `cpu` unless told. */
  device?: string | undefined;
  /** Numbers of weights and activations. Only `float32` works yet; `float16` is refused with the reason. */
  precision?: "float32" | "float16" | undefined;
  /** Called where ONNX Runtime's library is not on this machine yet, to put it into the cache (see install.ts). */
  install?: (() => Promise<unknown>) | undefined;
  /** Told when the slower fallback is used. On stderr unless told. */
  onNotice?: ((line: string) => void) | undefined;
}

type Way = "auto" | "ffi" | "npm" | "wasm";

const devices = ["cpu", ...providers.map(({ device }) => device)];

/** Backends by way for the CPU, by name for other devices. */
const opened = new Map<string, Promise<Backend>>();

/**
 * Open the backend of a device; each is opened once per process. On the CPU that is ONNX Runtime through its C API, or through the npm
 * package `onnxruntime-node` where the C API cannot be called, or as WebAssembly (`onnxruntime-web`) on platforms without a library.
 * `ATELIER_BACKEND=ffi|npm|wasm` forces one of them.
 * @throws RuntimeError when the device is not available or no runtime can be loaded, UsageError for an unknown device or variable.
 */
export async function openBackend(options: OpenOptions = {}): Promise<Backend> {
  const { device = "cpu" } = options;
  if (!devices.includes(device)) throw unknownName("device", device, devices);
  requirePrecision(options.precision, device);
  const provider = providers.find((known) => known.device === device);
  if (provider === undefined) return openCpu(options);
  return once(device, () => openOther(provider, options));
}

/** Open at the first call; where that fails, the next call tries again: it may fare better, after an install for example. */
function once(key: string, open: () => Promise<Backend>): Promise<Backend> {
  const known = opened.get(key);
  if (known !== undefined) return known;
  const backend = open();
  opened.set(key, backend);
  backend.catch(() => opened.delete(key));
  return backend;
}

async function openOther(provider: Provider, options: OpenOptions): Promise<Backend> {
  const library = await findLibrary(options);
  try {
    const { openProvider } = await import("./devices.ts"); // koffi's binary may be missing on this platform
    return await openProvider(library.path, provider);
  } catch (error) {
    throw loadFailure(error);
  }
}

async function findLibrary({ install }: OpenOptions): Promise<RuntimeLibrary> {
  let library = locateLibrary();
  if (library === undefined && install !== undefined) {
    await install();
    library = locateLibrary();
  }
  if (library === undefined) throw missingLibrary();
  return library;
}

async function withChannelBlock(backend: Backend): Promise<Backend> {
  backend.channelBlock = await findChannelBlock(backend);
  return backend;
}

function openCpu(options: OpenOptions): Promise<Backend> {
  const way = forcedWay();
  return once(way, () => {
    if (way === "wasm") return loadWasm();
    return way === "npm" ? openNpm().then(withChannelBlock) : openFfi(options, way === "auto");
  });
}

async function loadWasm(): Promise<Backend> {
  const { openWasm } = await import("./wasm.ts");
  return openWasm();
}

async function openFfi(options: OpenOptions, mayFallBack: boolean): Promise<Backend> {
  const { onNotice = warn } = options;
  if (mayFallBack && !process.env.ATELIER_ORT_LIBRARY && !hasBuild(thisPlatform())) return openWithoutLibrary(onNotice);
  const library = await findLibrary(options);
  try {
    const { FfiBackend } = await import("./ffi-backend.ts"); // koffi's binary may be missing on this platform
    return await withChannelBlock(new FfiBackend(library.path));
  } catch (error) {
    if (!mayFallBack || error instanceof UsageError || library.source === "ATELIER_ORT_LIBRARY") throw loadFailure(error);
    const fallback = await openNpm().catch(() => undefined);
    if (fallback === undefined) throw loadFailure(error);
    onNotice(`ONNX Runtime's C API cannot be called (${reason(error)}); using the slower package ${packageName} instead.`);
    return withChannelBlock(fallback);
  }
}

/** On a platform without a native library: WebAssembly where its package is installed, else the error that says what there is to do. */
async function openWithoutLibrary(onNotice: (line: string) => void): Promise<Backend> {
  const backend = await loadWasm().catch(() => undefined);
  if (backend === undefined) platformBuild(); // throws
  onNotice("ONNX Runtime has no native library for this platform; using WebAssembly (onnxruntime-web), which is several times slower.");
  return backend!;
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
  if (forced === "ffi" || forced === "npm" || forced === "wasm") return forced;
  throw new UsageError({
    what: "The environment variable ATELIER_BACKEND is not understood.",
    got: `"${forced}"`,
    expected: '"ffi", "npm" or "wasm"',
    hint: "unset it to let Atelier choose",
  });
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
