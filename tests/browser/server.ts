import type { ServerResponse } from "node:http";
import path from "node:path";
import { createServer, type ViteDevServer } from "vite";
import type { ImageSet } from "../../src/data/dataset.ts";

const root = path.resolve(import.meta.dirname, "../..");

/** What lets a page use threads: it shares memory with its workers only when nothing of another origin is in it. */
const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export interface PageServer {
  /** The page's address. */
  address: string;
  close(): Promise<void>;
}

/** Serve the test page and the sources it imports, resolved as for a browser. @param sets pictures to offer at `/data/NAME` */
export async function servePage(sets: Readonly<Record<string, ImageSet>> = {}): Promise<PageServer> {
  const server = await createServer({
    root,
    configFile: false,
    logLevel: "error",
    cacheDir: path.join(root, "node_modules/.vite-browser-tests"),
    server: { host: "127.0.0.1", port: 0, headers: isolation, hmr: false, watch: null, ws: false },
    resolve: { conditions: ["source", "browser"] },
    // Its .wasm files are found beside its modules only where these are left as they are.
    optimizeDeps: { exclude: ["onnxruntime-web"], noDiscovery: true },
    plugins: [{ name: "page", configureServer: (vite) => answer(vite, sets) }],
  });
  await server.listen();
  return { address: `${server.resolvedUrls!.local[0]}page.html`, close: () => server.close() };
}

/** Written here and not a file that the server would put its own client into. */
const page = `<!doctype html><title>Atelier in a page</title><link rel="icon" href="data:,"><script type="module" src="/tests/browser/page.ts"></script>`;

function answer(server: ViteDevServer, sets: Readonly<Record<string, ImageSet>>): void {
  server.middlewares.use("/page.html", (_, response: ServerResponse) => {
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", ...isolation }).end(page);
  });
  server.middlewares.use("/data", (request, response: ServerResponse, next) => {
    const [, name = "", file = ""] = request.url?.split("/") ?? [];
    const set = sets[name];
    if (set === undefined) return next();
    const { images, labels, ...about } = set;
    response.end(file === "images" ? images : file === "labels" ? labels : JSON.stringify(about));
  });
}
