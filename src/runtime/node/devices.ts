import { existsSync, readdirSync } from "node:fs";
import { RuntimeError } from "../../core/errors.ts";
import { openEnvironment } from "./environment.ts";
import { FfiBackend } from "./ffi-backend.ts";
import { type Provider, providers } from "./providers.ts";

/** A device that `--device` may name, and whether it is there. */
export interface DeviceFound {
  device: string;
  /** What is missing; undefined where the device can be used. */
  problem?: string | undefined;
}

/**
 * The backend of a device other than the CPU. Ops that the device has no kernel for are refused, unless `ATELIER_DEVICE_FALLBACK=1` lets them run on the CPU.
 * @throws RuntimeError saying what is missing and what to do about it
 */
export async function openProvider(libraryPath: string, provider: Provider): Promise<FfiBackend> {
  const built = openEnvironment(libraryPath).providers;
  if (!built.includes(provider.listed)) throw unavailable(provider, `ONNX Runtime built with ${built.join(", ")}`);
  const missing = provider.device === "webgpu" ? missingDriver() : undefined;
  if (missing !== undefined) throw unavailable(provider, missing);
  const fallback = provider.fallback || process.env.ATELIER_DEVICE_FALLBACK === "1";
  try {
    return await FfiBackend.onDevice(libraryPath, { ...provider, fallback });
  } catch (error) {
    throw unavailable(provider, error instanceof RuntimeError ? lastWords(error.problem.got ?? error.problem.what) : String(error), error);
  }
}

/** Look which devices can be used, by opening each. */
export async function findDevices(libraryPath: string): Promise<DeviceFound[]> {
  const found: DeviceFound[] = [{ device: "cpu" }];
  for (const provider of providers) {
    const { device, listed } = provider;
    if (!openEnvironment(libraryPath).providers.includes(listed)) {
      found.push({ device, problem: "not built into this library" });
      continue;
    }
    try {
      await openProvider(libraryPath, provider);
      found.push({ device });
    } catch (error) {
      found.push({ device, problem: error instanceof RuntimeError ? error.problem.got : String(error) });
    }
  }
  return found;
}

/** The error for a device that cannot be used. */
export function unavailable({ device, need }: Provider, got: string, cause?: unknown): RuntimeError {
  return new RuntimeError({
    what: `The device "${device}" is not available.`,
    got,
    hint: `use --device cpu; for ${device}: ${need}`,
    cause,
  });
}

/** What the runtime says after the places in its source code. */
function lastWords(message: string): string {
  return message.replace(/^.*? was false\. |^\[FAIL\] (\w+: )?/s, "").trim();
}

/** Where Vulkan's loader looks for drivers on Linux; without one it complains on stderr by itself. */
const driverFolders = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/usr/local/etc/vulkan/icd.d"];

function missingDriver(): string | undefined {
  if (process.platform !== "linux") return undefined;
  const { VK_ICD_FILENAMES, VK_DRIVER_FILES } = process.env;
  const chosen = VK_DRIVER_FILES ?? VK_ICD_FILENAMES;
  if (chosen) return chosen.split(":").some(existsSync) ? undefined : `no such driver file: ${chosen}`;
  return driverFolders.some((folder) => existsSync(folder) && readdirSync(folder).length > 0)
    ? undefined
    : "no Vulkan driver on this machine";
}
