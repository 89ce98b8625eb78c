import { createSignal, createUniqueId, type JSX, Show } from "solid-js";
import type { PictureRef, Uploaded } from "../../../../src/studio/generate.ts";
import { api } from "../../api.ts";
import { notify, tellError } from "../../components/notices.tsx";
import { generatePath } from "./follow.ts";

/** A picture that work sets out from. */
export interface Picked {
  readonly ref: PictureRef;
  readonly file: string;
  /** In words: "picture 3 of seed 7". */
  readonly name: string;
}

/** The address of a picture in a run's gallery. */
export function pictureUrl(run: string, file: string): string {
  return `.${generatePath(run, "gallery", file)}`;
}

export interface PickedProps {
  readonly run: string;
  readonly label: string;
  readonly picked: Picked | undefined;
  readonly onPicked: (picked: Picked | undefined) => void;
}

/** A place for a picture: chosen in the gallery, dropped here, or a file. */
export function PickedPicture(props: PickedProps): JSX.Element {
  const id = createUniqueId();
  const [over, setOver] = createSignal(false);
  const [sending, setSending] = createSignal(false);
  const take = async (file: File | undefined) => {
    if (file === undefined) return;
    setSending(true);
    try {
      const sent = await api.post<Uploaded>(generatePath(props.run, "uploads"), file);
      if (sent.note !== undefined) notify({ kind: "done", text: sent.note });
      props.onPicked({ ref: { upload: sent.file }, file: sent.file, name: file.name });
    } catch (error) {
      tellError(error);
    } finally {
      setSending(false);
    }
  };
  return (
    <fieldset
      class="picked"
      data-over={over()}
      aria-label={props.label}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void take(event.dataTransfer?.files[0]);
      }}
    >
      <span class="picked-label">{props.label}</span>
      <Show
        when={props.picked}
        fallback={<p class="hint">{sending() ? "Reading …" : "Choose one in the gallery, drop a file here, or choose one."}</p>}
      >
        {(picked) => (
          <div class="row">
            <img class="pixelated" src={pictureUrl(props.run, picked().file)} alt={picked().name} width="64" height="64" />
            <span class="hint">{picked().name}</span>
          </div>
        )}
      </Show>
      <label class="button plain" for={id}>
        {props.picked === undefined ? "Choose a file" : "Another file"}
      </label>
      <input
        id={id}
        class="hidden"
        type="file"
        accept="image/png,image/jpeg,image/webp"
        onChange={(event) => {
          void take(event.currentTarget.files?.[0]);
          event.currentTarget.value = "";
        }}
      />
    </fieldset>
  );
}
