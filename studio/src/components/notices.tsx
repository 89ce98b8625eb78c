import { createSignal, For, type JSX, Show } from "solid-js";
import { ApiError } from "../api.ts";

export interface Notice {
  readonly kind: "error" | "warning" | "done";
  readonly text: string;
  /** What the user can do. */
  readonly hint?: string | undefined;
}

interface Kept extends Notice {
  readonly key: number;
}

const STAY = 6000;
const [notices, setNotices] = createSignal<readonly Kept[]>([]);
let next = 0;

/** Say something that does not belong to a place of the page. Errors and warnings stay until they are closed. */
export function notify(notice: Notice): void {
  const key = next++;
  // The same thing said twice is said once.
  setNotices((all) => [...all.filter(({ text }) => text !== notice.text), { ...notice, key }].slice(-4));
  if (notice.kind === "done") setTimeout(() => close(key), STAY);
}

/** Tell an error that an action met; what was aborted is no error. */
export function tellError(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  const text = error instanceof Error ? error.message : String(error);
  notify({ kind: "error", text, hint: error instanceof ApiError ? error.hint : undefined });
}

function close(key: number): void {
  setNotices((all) => all.filter((notice) => notice.key !== key));
}

/** Where notices appear; once in the shell. */
export function Notices(): JSX.Element {
  return (
    <div class="notices" role="status" aria-live="polite">
      <For each={notices()}>
        {(notice) => (
          <div class={`notice ${notice.kind}`}>
            <div>
              <p>{notice.text}</p>
              <Show when={notice.hint}>{(hint) => <p class="hint">Try: {hint()}</p>}</Show>
            </div>
            <button type="button" class="close" aria-label="Close this notice" onClick={() => close(notice.key)}>
              ×
            </button>
          </div>
        )}
      </For>
    </div>
  );
}
