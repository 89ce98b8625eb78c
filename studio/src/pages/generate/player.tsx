import { createEffect, createSignal, type JSX, onCleanup, Show } from "solid-js";
import { Button } from "../../components/button.tsx";

export interface PlayerProps {
  /** How many frames there are. */
  readonly count: number;
  readonly index: number;
  readonly onIndex: (index: number) => void;
  /** What a frame is: "step". */
  readonly what: string;
}

/** Milliseconds that a whole way takes, and the least of one frame. */
const [WHOLE, LEAST] = [3000, 40];

/** A slider through frames, and a button that plays them. */
export function Player(props: PlayerProps): JSX.Element {
  const [playing, setPlaying] = createSignal(false);
  let timer: ReturnType<typeof setInterval> | undefined;
  const end = () => {
    clearInterval(timer);
    timer = undefined;
    setPlaying(false);
  };
  const play = () => {
    if (playing()) return end();
    if (props.index >= props.count - 1) props.onIndex(0);
    setPlaying(true);
    timer = setInterval(
      () => {
        if (props.index >= props.count - 1) return end();
        props.onIndex(props.index + 1);
      },
      Math.max(LEAST, WHOLE / props.count),
    );
  };
  createEffect(() => {
    if (props.count < 2) end();
  });
  onCleanup(end);
  return (
    <Show when={props.count > 1}>
      <div class="player">
        <Button aria-pressed={playing()} onClick={play}>
          {playing() ? "Pause" : "Play"}
        </Button>
        <input
          type="range"
          aria-label={`${props.what[0].toUpperCase()}${props.what.slice(1)} on the way`}
          min={0}
          max={props.count - 1}
          value={props.index}
          onInput={(event) => {
            end();
            props.onIndex(event.currentTarget.valueAsNumber);
          }}
        />
        <output>
          {props.what} {props.index + 1} of {props.count}
        </output>
      </div>
    </Show>
  );
}
