/** Opening a run in the page: its weights and the runtime from the studio, its code from the page's own files. */
import { PlayClient } from "../../../../src/play/client.ts";
import type { Opened } from "../../../../src/play/protocol.ts";
import type { ExploredRun } from "../../../../src/studio/explore.ts";
import { api } from "../../api.ts";

export type Device = "cpu" | "webgpu";

export interface OpenRun {
  readonly facts: ExploredRun;
  readonly client: PlayClient;
  readonly opened: Opened;
  readonly device: Device;
}

/** Whether this browser has what graphics cards are used with. */
export const hasWebGpu = "gpu" in navigator;

/** @throws ApiError for a run that cannot be opened; AtelierError for one whose model does not run here */
export async function openRun(run: string, device: Device): Promise<OpenRun> {
  const path = `/api/explore/${encodeURIComponent(run)}`;
  const [facts, weights, wasm] = await Promise.all([
    api.get<ExploredRun>(path),
    api.get<ArrayBuffer>(`${path}/weights`),
    api.get<ArrayBuffer>(`/api/explore-runtime/${device}`),
  ]);
  const client = new PlayClient(new Worker(new URL("../../play/worker.ts", import.meta.url), { type: "module" }));
  const { model, config, tokenizer, sourceTokenizer } = facts;
  try {
    const opened = await client.open({
      ...{ model, config, tokenizer, sourceTokenizer, device },
      weights: new Uint8Array(weights),
      wasm: new Uint8Array(wasm),
    });
    return { facts, client, opened, device };
  } catch (error) {
    client.close();
    throw error;
  }
}

/** In one line: what computes, and what this browser lacks. */
export function deviceLine({ opened, device, facts }: OpenRun): string {
  if (device === "webgpu") return "Computed by the graphics card (WebGPU), in this page.";
  const threads = opened.threads === 1 ? "one thread" : `${opened.threads} threads`;
  const lacking = [
    ...(globalThis.crossOriginIsolated ? [] : ["no threads for pages"]),
    ...(hasWebGpu || !facts.webgpu ? [] : ["no WebGPU"]),
  ];
  const slower = lacking.length === 0 ? "" : ` This browser has ${lacking.join(" and ")}: the slower way.`;
  return `Computed by the processor (WebAssembly, ${threads}), in this page.${slower}`;
}
