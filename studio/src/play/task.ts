/** One piece of work that a button begins and another ends. */
import { createSignal, onCleanup } from "solid-js";

export interface Task {
  readonly busy: () => boolean;
  /** Why the last one failed, or how long it took. */
  readonly told: () => string;
  run(work: (signal: AbortSignal) => Promise<void>): void;
  stop(): void;
}

/** Belongs to the component that makes it: ends with it. */
export function createTask(): Task {
  const [busy, setBusy] = createSignal(false);
  const [told, setTold] = createSignal("");
  let controller: AbortController | undefined;
  const stop = (): void => controller?.abort(new DOMException("stopped", "AbortError"));
  onCleanup(stop);
  const run = async (work: (signal: AbortSignal) => Promise<void>): Promise<void> => {
    stop();
    const mine = new AbortController();
    controller = mine;
    setBusy(true);
    const started = performance.now();
    try {
      await work(mine.signal);
      setTold(`${((performance.now() - started) / 1000).toFixed(1)} s`);
    } catch (error) {
      setTold(mine.signal.aborted ? "stopped" : error instanceof Error ? error.message : String(error));
    } finally {
      if (controller === mine) setBusy(false);
    }
  };
  return { busy, told, run: (work) => void run(work), stop };
}
