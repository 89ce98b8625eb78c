import type { Plugin } from "vite";

/** The runtime's program comes from the studio's server, or stands in the exported page: it is not to be copied from the package into the built page. */
export function withoutWasm(): Plugin {
  return {
    name: "without-wasm",
    enforce: "pre",
    transform: (code, id) =>
      id.includes("onnxruntime-web")
        ? code.replace(/new URL\(("[^"]+\.wasm"),\s*import\.meta\.url\)/g, 'new URL($1, "https://page.invalid/")')
        : undefined,
  };
}
