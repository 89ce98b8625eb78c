/** The runtime in a page, which `atelier/device` means there: `import { openDevice } from "atelier/device"`. */
export { type DeviceOptions, openDevice } from "./open.ts";
export type { OrtWeb } from "./ort-web.ts";
export { WebBackend } from "./web-backend.ts";
