import path from "node:path";
import { defineConfig } from "vite";
import solid from "vite-plugin-solid";
import { docs } from "./build/plugin.ts";
import { withoutWasm } from "./build/without-wasm.ts";

const root = import.meta.dirname;
/** Where `atelier studio` runs during work on the page: `npx vite studio`. */
const studio = "http://127.0.0.1:5170";

export default defineConfig({
  root,
  // The page may stand behind any address.
  base: "./",
  cacheDir: path.join(root, "../node_modules/.vite-studio"),
  plugins: [docs(path.join(root, "..")), solid()],
  resolve: { conditions: ["source", "browser"] },
  build: {
    outDir: path.join(root, "../dist/studio/page"),
    emptyOutDir: true,
    target: "es2022",
    manifest: true,
    // The page's policy allows no data: but pictures.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 2000,
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  worker: { format: "es", plugins: () => [withoutWasm()] },
  server: {
    host: "127.0.0.1",
    port: 5171,
    headers: { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" },
    proxy: { "/api": { target: studio, changeOrigin: true, headers: { origin: studio } } },
  },
});
