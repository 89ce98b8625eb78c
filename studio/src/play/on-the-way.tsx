import { type JSX, Show } from "solid-js";
import { RangeField } from "../components/field.tsx";

/** Which of the pictures on the way from noise is shown, once there are some. */
export function OnTheWay(props: { frames: number; at: number; onAt: (at: number) => void }): JSX.Element {
  const last = () => props.frames - 1;
  return (
    <Show when={last() > 0}>
      <RangeField
        label="On the way"
        value={Math.min(props.at, last())}
        min={0}
        max={last()}
        step={1}
        shown={(value) => `${value + 1} of ${props.frames}`}
        onValue={props.onAt}
      />
    </Show>
  );
}
