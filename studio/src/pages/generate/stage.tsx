import { createEffect, createSignal, For, type JSX, on, Show } from "solid-js";
import type { FrameWay, GalleryEntry } from "../../../../src/studio/generate.ts";
import { drawFrame, type Frame } from "./frames.ts";
import { Player } from "./player.tsx";

const words: Readonly<Record<FrameWay, string>> = { steps: "step", rows: "row", chain: "step", once: "frame" };

export interface StageProps {
  readonly frames: readonly Frame[];
  /** The batch when it is done. */
  readonly entry: GalleryEntry | undefined;
  readonly way: FrameWay;
  readonly busy: boolean;
  readonly onOpen: (index: number) => void;
}

/** The pictures that are being made, or were made last, with the way to them. */
export function Stage(props: StageProps): JSX.Element {
  const [at, setAt] = createSignal(0);
  // While they come about, the newest is shown.
  createEffect(
    on(
      () => props.frames.length,
      (count) => setAt(Math.max(0, count - 1)),
    ),
  );
  let stage: HTMLDivElement | undefined;
  // On a narrow page the pictures are below the form: whoever asked for them is taken there.
  createEffect(() => {
    if (props.frames.length === 1 && stage !== undefined && stage.getBoundingClientRect().top > 0.7 * window.innerHeight)
      stage.scrollIntoView({ block: "start" });
  });
  const frame = () => props.frames[Math.min(at(), props.frames.length - 1)];
  const count = () => frame()?.shape[0] ?? 0;
  return (
    <Show when={frame()}>
      <div class="stage" ref={stage} data-busy={props.busy}>
        <ul class="cells" style={{ "--side": `${cellSide(count(), frame().shape)}px` }}>
          <For each={Array.from({ length: count() }, (_, i) => i)}>
            {(i) => (
              <li>
                <button
                  type="button"
                  class="cell"
                  disabled={props.entry === undefined}
                  onClick={() => props.onOpen(i)}
                  aria-label={`Picture ${i + 1}: look closer`}
                >
                  <Cell frame={frame()} index={i} />
                </button>
                <Show when={props.entry?.captions?.[i]}>{(caption) => <span class="hint">{caption()}</span>}</Show>
              </li>
            )}
          </For>
        </ul>
        <Player count={props.frames.length} index={at()} onIndex={setAt} what={words[props.way]} />
      </div>
    </Show>
  );
}

/** Small pictures are enlarged, fewer of them more; by whole pixels, so that all pixels are alike. */
function cellSide(count: number, [, , , width]: readonly number[]): number {
  const aim = count <= 4 ? 200 : count <= 16 ? 128 : count <= 36 ? 88 : 64;
  return Math.max(1, Math.round(aim / width)) * width;
}

function Cell(props: { frame: Frame; index: number }): JSX.Element {
  let canvas!: HTMLCanvasElement;
  createEffect(() => drawFrame(canvas, props.frame, props.index));
  return <canvas ref={canvas} class="pixelated" />;
}
