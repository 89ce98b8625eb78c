import path from "node:path";
import { defineConfig } from "vite";
import solid from "vite-plugin-solid";

const root = import.meta.dirname;

/** The code and the style of exported pages, which stand in the file itself. */
export default defineConfig({
  root,
  publicDir: false,
  plugins: [solid()],
  resolve: { conditions: ["source", "browser"] },
  define: { "process.env.NODE_ENV": JSON.stringify("production") },
  build: {
    outDir: path.join(root, "../dist/play/page"),
    emptyOutDir: true,
    target: "es2022",
    minify: true,
    cssCodeSplit: false,
    reportCompressedSize: false,
    lib: {
      entry: path.join(root, "src/export/main.tsx"),
      formats: ["iife"],
      name: "atelierPage",
      fileName: () => "page.js",
      cssFileName: "page",
    },
  },
});
