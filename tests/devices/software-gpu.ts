import { existsSync } from "node:fs";
import type { Backend } from "../../src/runtime/backend.ts";
import { openBackend } from "../../src/runtime/node/open.ts";

/** Chromium's software Vulkan driver, as Debian packages it: a graphics card for machines without one. */
const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** WebGPU in Node on the software driver, or on this machine's own; undefined with a message where there is neither. */
export async function openSoftwareGpu(): Promise<Backend | undefined> {
  if (process.env.VK_ICD_FILENAMES === undefined && existsSync(driver)) process.env.VK_ICD_FILENAMES = driver;
  try {
    return await openBackend({ device: "webgpu" });
  } catch (error) {
    console.warn(
      `WebGPU tests are skipped (Debian's packages chromium and libvulkan1 bring a software driver): ${(error as Error).message}`,
    );
    return undefined;
  }
}
