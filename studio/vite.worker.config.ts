import path from "node:path";
import { defineConfig, type Plugin } from "vite";
import { withoutWasm } from "./build/without-wasm.ts";

const root = import.meta.dirname;

/** What an exported page must take along: each chunk with the chunks that it needs, and which chunk a source file became. */
function chunkList(): Plugin {
  return {
    name: "chunk-list",
    generateBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter((output) => output.type === "chunk");
      const list = chunks.map(({ fileName, imports, facadeModuleId, isEntry }) => {
        const source = facadeModuleId === null ? null : path.relative(path.join(root, ".."), facadeModuleId).replaceAll("\\", "/");
        return { file: fileName, imports, source, entry: isEntry };
      });
      this.emitFile({ type: "asset", fileName: "chunks.json", source: JSON.stringify(list) });
    },
  };
}

/** The worker of exported pages in pieces of CommonJS, of which `atelier export --format html` joins those that one model needs. */
export default defineConfig({
  root,
  publicDir: false,
  plugins: [chunkList(), withoutWasm()],
  resolve: { conditions: ["source", "browser"] },
  // A page opened from disk has no addresses beside it.
  define: { "import.meta.url": JSON.stringify("https://page.invalid/worker.js"), "process.env.NODE_ENV": JSON.stringify("production") },
  build: {
    outDir: path.join(root, "../dist/play/worker"),
    emptyOutDir: true,
    target: "es2022",
    minify: true,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    lib: { entry: path.join(root, "src/play/worker.ts"), formats: ["cjs"], fileName: () => "worker.js" },
    // A page opened from disk computes on the processor.
    rolldownOptions: { external: ["onnxruntime-web/webgpu"], output: { chunkFileNames: "[name].js" } },
  },
});
