import type { Backend } from "../runtime/backend.ts";
import type { Io } from "./verb.ts";

/** The backend of a device; the runtime library is fetched into the cache where nothing has brought it yet. */
export async function openDevice(device: string, io: Io, onProgress: (message: string, seconds?: number) => void): Promise<Backend> {
  const runtime = await import("../runtime/node/device.ts");
  return runtime.openDevice(device, { onProgress, onNotice: (text) => io.stderr.write(`${text}\n`) });
}
