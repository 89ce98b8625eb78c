/** The part of the runtime that needs the native library: `import { openDevice } from "atelier/runtime/node"`. */
export { type DeviceOptions, openDevice } from "./device.ts";
export { type InstallOptions, installRuntime } from "./install.ts";
export { locateLibrary, type RuntimeLibrary } from "./locate.ts";
export { type OpenOptions, openBackend } from "./open.ts";
