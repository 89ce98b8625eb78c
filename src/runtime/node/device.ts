import type { Backend } from "../backend.ts";
import { installRuntime } from "./install.ts";
import { openBackend } from "./open.ts";

export interface DeviceOptions {
  /** Numbers of weights and activations. Only `float32` works yet; `float16` is refused with the reason. */
  precision?: "float32" | "float16" | undefined;
  /** Told while the runtime library is fetched, once per machine: what is done, and for how many seconds. On stderr unless told. */
  onProgress?: ((message: string, seconds?: number) => void) | undefined;
  /** Told when the slower fallback is used. On stderr unless told. */
  onNotice?: ((line: string) => void) | undefined;
}

/**
 * The backend of a device (`cpu`), ready to use: where nothing has brought the runtime library yet, it is fetched into the cache first.
 * @throws UsageError for an unknown device; RuntimeError where it is not available; FileError when the library cannot be fetched
 */
export async function openDevice(device = "cpu", { onProgress = tellStages(), onNotice, precision }: DeviceOptions = {}): Promise<Backend> {
  return openBackend({ device, precision, install: () => installRuntime({ onProgress }), onNotice });
}

/** Each stage once, on stderr. */
function tellStages(): (message: string) => void {
  let last = "";
  return (message) => {
    if (message !== last) process.stderr.write(`${message}\n`);
    last = message;
  };
}
