import type { JSX } from "solid-js";
import { Button } from "../../components/button.tsx";
import { countText } from "./words.ts";

export interface PagerProps {
  readonly offset: number;
  readonly shown: number;
  readonly total: number;
  readonly step: number;
  /** "pictures" */
  readonly what: string;
  readonly onOffset: (offset: number) => void;
}

/** Which part is shown, and the way to the parts before and after it. */
export function Pager(props: PagerProps): JSX.Element {
  return (
    <nav class="pager" aria-label={`Pages of ${props.what}`}>
      <Button disabled={props.offset === 0} onClick={() => props.onOffset(Math.max(0, props.offset - props.step))}>
        ← Before
      </Button>
      <span role="status">
        {countText(props.total === 0 ? 0 : props.offset + 1)} to {countText(props.offset + props.shown)} of {countText(props.total)}{" "}
        {props.what}
      </span>
      <Button disabled={props.offset + props.shown >= props.total} onClick={() => props.onOffset(props.offset + props.step)}>
        Next →
      </Button>
    </nav>
  );
}
