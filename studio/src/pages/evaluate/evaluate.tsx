import { type JSX, Show } from "solid-js";
import type { PageProps } from "../../pages.ts";
import "../../styles/data.css";
import { ChooseRun } from "./choose.tsx";
import { EvaluateRun } from "./run.tsx";

/** How good a finished run is. */
export default function Evaluate(props: PageProps): JSX.Element {
  return (
    <Show when={props.rest[0]} fallback={<ChooseRun />} keyed>
      {(run) => <EvaluateRun run={run} />}
    </Show>
  );
}
