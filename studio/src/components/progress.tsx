import { type JSX, Show } from "solid-js";

export interface ProgressProps {
  readonly label: string;
  /** 0 to 1; undefined where nobody knows how far it is. */
  readonly value: number | undefined;
  /** Beside the bar: "312 of 938 steps, 2 min left". */
  readonly text?: string | undefined;
}

/** How far something is. */
export function Progress(props: ProgressProps): JSX.Element {
  return (
    <div class="progress">
      {/* A bar of no value is one without the attribute: undefined would be no number. */}
      <Show when={props.value !== undefined} fallback={<progress aria-label={props.label} max={1} />}>
        <progress aria-label={props.label} max={1} value={props.value} />
      </Show>
      <Show when={props.text}>{(text) => <span>{text()}</span>}</Show>
    </div>
  );
}
