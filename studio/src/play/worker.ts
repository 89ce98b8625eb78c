// The worker that holds a model, in the studio and in exported pages.
import { loadRecord } from "../../../src/play/models.ts";
import type { OpenRequest, ToWorker } from "../../../src/play/protocol.ts";
import { serveModel } from "../../../src/play/serve.ts";
import { openDevice } from "../../../src/runtime/web/open.ts";

interface Scope {
  crossOriginIsolated?: boolean;
  navigator: { hardwareConcurrency?: number };
  postMessage(message: unknown): void;
  onmessage: ((event: { data: ToWorker }) => void) | null;
}

const scope = globalThis as unknown as Scope;

/** Threads where the page may share memory: at most four, and one processor stays the page's. */
function threadsOf({ device, threads }: OpenRequest): number {
  if (device !== "cpu" || scope.crossOriginIsolated !== true) return 1;
  return threads ?? Math.max(1, Math.min(4, (scope.navigator.hardwareConcurrency ?? 2) - 1));
}

scope.onmessage = (
  (serve) =>
  ({ data }: { data: ToWorker }) =>
    serve(data)
)(
  serveModel({
    post: (message) => scope.postMessage(message),
    loadRecord,
    openBackend: async (request) => {
      const threads = threadsOf(request);
      return { backend: await openDevice(request.device, { threads, wasmBinary: request.wasm }), threads };
    },
  }),
);
