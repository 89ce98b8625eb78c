import { type JSX, Show } from "solid-js";
import { Button } from "../../components/button.tsx";
import type { Followed } from "./follow.ts";

/** The button that begins work, the one that stops it, and how it stands. */
export function WorkState(props: {
  work: Followed;
  label: string;
  disabled?: boolean;
  onBegin: () => void;
  children?: JSX.Element;
}): JSX.Element {
  return (
    <div class="work-state">
      <div class="row">
        <Button look="primary" disabled={props.work.busy() || props.disabled} onClick={() => props.onBegin()}>
          {props.label}
        </Button>
        <Show when={props.work.busy()}>
          <Button onClick={() => props.work.stop()}>Stop</Button>
        </Show>
        {props.children}
      </div>
      <p class="hint" role="status" aria-live="polite">
        {props.work.status()}
      </p>
      <Show when={props.work.failing()}>
        {(failing) => (
          <div class="work-failed" role="alert">
            <p>{failing().message}</p>
            <Show when={failing().hint}>{(hint) => <p class="hint">Try: {hint()}</p>}</Show>
          </div>
        )}
      </Show>
    </div>
  );
}
