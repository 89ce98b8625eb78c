import { createSignal, For, type JSX, onCleanup, onMount, Show } from "solid-js";
import type { Gallery, GalleryEntry } from "../../../../src/studio/generate.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { tellError } from "../../components/notices.tsx";
import { describeBatch } from "./describe.ts";
import { generatePath } from "./follow.ts";
import { pictureUrl } from "./picked.tsx";

/** Batches that are loaded at once. */
const PART = 12;

/** What a run has made, as the page keeps it. */
export function galleryState(run: string) {
  const [entries, setEntries] = createSignal<readonly GalleryEntry[]>([]);
  const [total, setTotal] = createSignal<number | undefined>();
  const load = async (after: number) => {
    try {
      const part = await api.get<Gallery>(`${generatePath(run, "gallery")}?after=${after}&limit=${PART}`);
      setEntries((all) => [...all.slice(0, after), ...part.entries]);
      setTotal(part.total);
    } catch (error) {
      tellError(error);
    }
  };
  return {
    ...{ entries, total },
    more: () => load(entries().length),
    /** From the beginning: something was made, here or on another page. */
    reload: () => load(0),
    remove: async ({ id }: GalleryEntry) => {
      try {
        await api.delete(generatePath(run, "gallery", id));
        setEntries((all) => all.filter((entry) => entry.id !== id));
        setTotal((count) => count && count - 1);
      } catch (error) {
        tellError(error);
      }
    },
  };
}

export type GalleryState = ReturnType<typeof galleryState>;

export interface GalleryProps {
  readonly run: string;
  readonly gallery: GalleryState;
  readonly onOpen: (entry: GalleryEntry, index: number) => void;
}

/** Batches, newest first, each with how it was made. */
export function GalleryView(props: GalleryProps): JSX.Element {
  const reload = () => document.visibilityState === "visible" && void props.gallery.reload();
  // Another page, or the command line, may have made something meanwhile.
  onMount(() => {
    reload();
    document.addEventListener("visibilitychange", reload);
    onCleanup(() => document.removeEventListener("visibilitychange", reload));
  });
  return (
    <section class="run-gallery" aria-labelledby="gallery-title">
      <h2 id="gallery-title">Gallery</h2>
      <Show when={props.gallery.total() === 0}>
        <p class="hint">Nothing yet: what is generated here stays here, with its seed.</p>
      </Show>
      <For each={props.gallery.entries()}>
        {(entry) => (
          <article class="batch">
            <h3>
              {describeBatch(entry)} <span class="hint">step {entry.step}</span>
            </h3>
            <ul class="batch-thumbs">
              <For each={entry.files}>
                {(file, i) => (
                  <li>
                    <button
                      type="button"
                      class="cell"
                      aria-label={`${describeBatch(entry)}: number ${i() + 1}`}
                      onClick={() => props.onOpen(entry, i())}
                    >
                      <img class="pixelated" src={pictureUrl(props.run, file)} alt="" loading="lazy" width="56" height="56" />
                    </button>
                  </li>
                )}
              </For>
            </ul>
          </article>
        )}
      </For>
      <Show when={(props.gallery.total() ?? 0) > props.gallery.entries().length}>
        <Button onClick={() => void props.gallery.more()}>Older ones</Button>
      </Show>
    </section>
  );
}
