import { For, type JSX, Show } from "solid-js";
import type { GalleryEntry, GenerateInfo } from "../../../../src/studio/generate.ts";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { describeBatch, factsOf } from "./describe.ts";
import { type Picked, pictureUrl } from "./picked.tsx";
import { modesOf } from "./picture-state.ts";

/** A picture of the gallery that is looked at closely. */
export interface Looked {
  readonly entry: GalleryEntry;
  readonly index: number;
}

export type PictureAction = "variations" | "from" | "fill" | "begin" | "end" | "reconstruct" | "again" | "remove";

export interface LargeViewProps {
  readonly info: GenerateInfo;
  readonly looked: Looked | undefined;
  readonly onClose: () => void;
  readonly onMove: (looked: Looked) => void;
  readonly onAction: (action: PictureAction, looked: Looked) => void;
}

/** A picture as work can set out from it. */
export function pickedOf({ entry, index }: Looked): Picked {
  return { ref: { batch: entry.id, index }, file: entry.files[index], name: `number ${index + 1} of ${describeBatch(entry)}` };
}

/** A picture enlarged, how it was made, and what can be done with it. */
export function LargeView(props: LargeViewProps): JSX.Element {
  return (
    <Dialog
      open={props.looked !== undefined}
      title={props.looked === undefined ? "" : describeBatch(props.looked.entry)}
      onClose={props.onClose}
    >
      <Show when={props.looked}>{(looked) => <Inside {...props} looked={looked()} />}</Show>
    </Dialog>
  );
}

function Inside(props: LargeViewProps & { looked: Looked }): JSX.Element {
  const file = () => props.looked.entry.files[props.looked.index];
  const url = () => pictureUrl(props.info.name, file());
  const move = (by: number) => {
    const index = props.looked.index + by;
    if (index >= 0 && index < props.looked.entry.files.length) props.onMove({ ...props.looked, index });
  };
  const changed = () => props.info.step !== undefined && props.looked.entry.step !== props.info.step;
  return (
    <div class="large">
      <div class="large-picture">
        <img class="pixelated" src={url()} alt={pickedOf(props.looked).name} />
        <div class="row">
          <Button disabled={props.looked.index === 0} onClick={() => move(-1)}>
            Previous
          </Button>
          <Button disabled={props.looked.index === props.looked.entry.files.length - 1} onClick={() => move(1)}>
            Next
          </Button>
        </div>
      </div>
      <div class="stack">
        <dl class="made-facts">
          <For each={factsOf(props.looked.entry, props.looked.index)}>
            {([name, value]) => (
              <div>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            )}
          </For>
        </dl>
        <Show when={props.looked.entry.command}>{(command) => <pre class="command">{command()}</pre>}</Show>
        <For each={props.looked.entry.notes}>{(note) => <p class="hint">{note}</p>}</For>
        <Show when={changed()}>
          <p class="hint">The run has learned on since: made again, it will look different.</p>
        </Show>
        <Actions {...props} url={url()} file={file()} />
      </div>
    </div>
  );
}

function Actions(props: LargeViewProps & { looked: Looked; url: string; file: string }): JSX.Element {
  const can = modesOf(props.info);
  const act = (action: PictureAction) => props.onAction(action, props.looked);
  return (
    <div class="row">
      <Show when={can.includes("variations")}>
        <Button look="primary" onClick={() => act("variations")}>
          Variations
        </Button>
      </Show>
      <Show when={can.includes("from")}>
        <Button onClick={() => act("from")}>Use as start</Button>
      </Show>
      <Show when={can.includes("fill")}>
        <Button onClick={() => act("fill")}>Paint a part</Button>
      </Show>
      <Show when={can.includes("between")}>
        <Button onClick={() => act("begin")}>Interpolate from it</Button>
        <Button onClick={() => act("end")}>Interpolate to it</Button>
      </Show>
      <Show when={can.includes("reconstruct")}>
        <Button onClick={() => act("reconstruct")}>Give back</Button>
      </Show>
      <Button onClick={() => act("again")}>Make again</Button>
      <a class="button plain" href={props.url} download={props.file}>
        Save
      </a>
      <Button look="danger" onClick={() => act("remove")}>
        Remove the batch
      </Button>
    </div>
  );
}
