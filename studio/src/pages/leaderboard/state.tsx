import { type JSX, Show } from "solid-js";

const looks: Readonly<Record<string, string>> = { finished: "good", measured: "good", training: "accent", broken: "bad", failed: "bad" };

/** How a run stands, as a tag; of a broken one, why. */
export function RunState(props: { state: string; broken?: string | undefined }): JSX.Element {
  const state = () => (props.broken === undefined ? props.state : "broken");
  return (
    <>
      <span class={`tag ${looks[state()] ?? "warn"}`}>{state()}</span>
      <Show when={props.broken}>{(because) => <span class="hint"> {because()}</span>}</Show>
    </>
  );
}
