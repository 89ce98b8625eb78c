import { createSignal, onCleanup } from "solid-js";
import type { Started, TaskEvent } from "../../../../src/studio/generate.ts";
import { ApiError, api } from "../../api.ts";

export interface Failing {
  readonly message: string;
  readonly hint?: string | undefined;
}

/** One work of the server after the other, as a page follows it. */
export interface Followed {
  readonly busy: () => boolean;
  /** What it does now, in words: for a line that is read out. */
  readonly status: () => string;
  readonly failing: () => Failing | undefined;
  /** Begin work; what ran before is left to itself. @param path `/api/generate/RUN/pictures` */
  readonly begin: (path: string, body: unknown) => Promise<void>;
  readonly stop: () => void;
}

/** The address of something that a run makes. */
export function generatePath(run: string, ...words: readonly string[]): string {
  return `/api/generate/${[run, ...words].map(encodeURIComponent).join("/")}`;
}

/** Follow work. @param onEvent told each event but failures, which `failing` has; the last is `done` or `cancelled` */
export function followWork(onEvent: (event: TaskEvent) => void): Followed {
  const [busy, setBusy] = createSignal(false);
  const [status, setStatus] = createSignal("");
  const [failing, setFailing] = createSignal<Failing | undefined>();
  let task: string | undefined;
  let end: (() => void) | undefined;
  const over = (text: string, failure?: Failing) => {
    end?.();
    setBusy(false);
    setStatus(text);
    setFailing(failure);
  };
  const hear = (event: TaskEvent) => {
    if (event.type === "failed") return over("It failed.", event);
    if (event.type === "progress" || event.type === "note") setStatus(event.text);
    // It was opened, or waited, and is at work now.
    if (event.type === "frame" || event.type === "points" || event.type === "token" || event.type === "piece") setStatus("Working …");
    if (event.type === "done") over("Done.");
    if (event.type === "cancelled") over("Stopped.");
    onEvent(event);
  };
  onCleanup(() => end?.());
  return {
    busy,
    status,
    failing,
    begin: async (path, body) => {
      end?.();
      task = undefined;
      setBusy(true);
      setStatus("Working …");
      setFailing(undefined);
      try {
        const started = await api.post<Started>(path, body);
        task = started.task;
        end = api.events(`/api/generated/${task}/events`, ({ data }) => hear(data as TaskEvent), {
          onError: (error) => over("It failed.", failureOf(error)),
          onEnd: () => setBusy(false),
          onState: (state) => state === "lost" && setStatus("The studio does not answer; trying again …"),
        });
      } catch (error) {
        over("It failed.", failureOf(error));
      }
    },
    stop: () => {
      setStatus("Stopping …");
      if (task !== undefined) void api.delete(`/api/generated/${task}`).catch(() => over("Stopped."));
    },
  };
}

function failureOf(error: unknown): Failing {
  return { message: error instanceof Error ? error.message : String(error), hint: error instanceof ApiError ? error.hint : undefined };
}
