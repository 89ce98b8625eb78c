import { type JSX, Show } from "solid-js";

const looks: Readonly<Record<string, string>> = {
  finished: "good",
  measured: "good",
  training: "accent",
  broken: "bad",
  failed: "bad",
  killed: "bad",
};
/** The page of runs has its own words for these two. */
const words: Readonly<Record<string, string>> = { stopped: "paused", interrupted: "killed" };

/** How a run stands, as a tag; of a broken one, why. */
export function RunState(props: { state: string; broken?: string | undefined }): JSX.Element {
  const state = () => (props.broken === undefined ? (words[props.state] ?? props.state) : "broken");
  return (
    <>
      <span class={`tag ${looks[state()] ?? "warn"}`}>{state()}</span>
      <Show when={props.broken}>{(because) => <span class="hint"> {because()}</span>}</Show>
    </>
  );
}
