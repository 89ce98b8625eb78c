import { type JSX, Show } from "solid-js";
import type { SampleFile } from "../../../src/studio/training.ts";

/** The address of a run's sample. */
export function sampleAddress(run: string, { file, tag }: SampleFile): string {
  return `./api/runs/${encodeURIComponent(run)}/samples/${encodeURIComponent(file)}?tag=${tag}`;
}

/** What a run made, above its name in a list; its name says more to readers who hear the page. */
export function RunPicture(props: { run: string; picture: SampleFile | undefined }): JSX.Element {
  return (
    <Show when={props.picture}>
      {(picture) => <img class="run-picture pixelated" src={sampleAddress(props.run, picture())} alt="" loading="lazy" />}
    </Show>
  );
}
