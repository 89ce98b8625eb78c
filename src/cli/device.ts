import type { Backend } from "../runtime/backend.ts";
import type { Io } from "./verb.ts";

/** The backend of a device; the runtime library is fetched into the cache where nothing has brought it yet. */
export async function openDevice(device: string, io: Io, onProgress: (message: string, seconds?: number) => void): Promise<Backend> {
  const { openBackend } = await import("../runtime/node/open.ts");
  const { installRuntime } = await import("../runtime/node/install.ts");
  return openBackend({ device, install: () => installRuntime({ onProgress }), onNotice: (text) => io.stderr.write(`${text}\n`) });
}
