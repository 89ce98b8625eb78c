import { createSignal, type JSX } from "solid-js";
import type { GenerateInfo } from "../../../../src/studio/generate.ts";
import { GalleryView, galleryState } from "./gallery.tsx";
import { LargeView, type Looked, type PictureAction, pickedOf } from "./large-view.tsx";
import { PictureForm } from "./picture-form.tsx";
import { pictureState } from "./picture-state.ts";
import { Stage } from "./stage.tsx";

/** Pictures: what to make at the left, what comes of it and the gallery at the right. */
export function Pictures(props: { info: GenerateInfo }): JSX.Element {
  const { info } = props;
  const gallery = galleryState(info.name);
  const state = pictureState(info, () => void gallery.reload());
  const [looked, setLooked] = createSignal<Looked | undefined>();
  const act = (action: PictureAction, picture: Looked) => {
    setLooked(undefined);
    const { request } = picture.entry;
    if (action === "remove") return void gallery.remove(picture.entry);
    if (action === "again") return void state.ask(request);
    if (action === "end") state.setEnd(pickedOf(picture));
    else state.setSource(pickedOf(picture));
    state.setMode(action === "begin" || action === "end" ? "between" : action);
    // What a picture shows goes with it.
    state.setWanted({});
    if (action === "variations") state.begin();
    else window.scrollTo({ top: 0, behavior: "smooth" });
  };
  const open = (index: number) => {
    const entry = state.entry();
    if (entry !== undefined) setLooked({ entry, index });
  };
  return (
    <div class="generate">
      <PictureForm info={info} state={state} />
      <div class="stack">
        <Stage frames={state.frames()} entry={state.entry()} way={info.pictures?.frames ?? "once"} busy={state.work.busy()} onOpen={open} />
        <GalleryView run={info.name} gallery={gallery} onOpen={(entry, index) => setLooked({ entry, index })} />
      </div>
      <LargeView info={info} looked={looked()} onClose={() => setLooked(undefined)} onMove={setLooked} onAction={act} />
    </div>
  );
}
