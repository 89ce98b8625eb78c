import { type JSX, Show } from "solid-js";
import type { GardenModel } from "../../../../src/studio/garden.ts";
import { Button } from "../../components/button.tsx";
import { address } from "../../route.ts";
import { shortCount, sizeOf, tryAddress } from "./catalogue.ts";
import { ModelPicture } from "./model-picture.tsx";

/** A model in the list. @param props.finished names of its finished runs, the newest first */
export function ModelCard(props: { model: GardenModel; finished: readonly string[] }): JSX.Element {
  const size = () => sizeOf(props.model.name, "small");
  return (
    <li class="model-card card">
      <ModelPicture model={props.model.name} title={props.model.title} />
      <div class="model-text">
        <h2>
          <a href={address("garden", [props.model.name])}>{props.model.title}</a>
        </h2>
        <p class="model-facts">
          <span class="tag">{props.model.family}</span> {props.model.year}
          <Show when={size()}>{(count) => <> · {shortCount(count())} numbers</>}</Show>
        </p>
        <p class="model-summary">{props.model.summary}</p>
        <div class="row">
          <Button look="primary" href={address("train", [], { model: props.model.name })} aria-label={`Train this: ${props.model.title}`}>
            Train this
          </Button>
          <Show
            when={props.finished[0]}
            fallback={
              <Button href={address("garden", [props.model.name])} aria-label={`How to try it: ${props.model.title}`}>
                How to try it
              </Button>
            }
          >
            {(run) => (
              <Button href={tryAddress(props.model, run())} aria-label={`Try the finished one: ${props.model.title}, run ${run()}`}>
                Try the finished one
              </Button>
            )}
          </Show>
        </div>
      </div>
    </li>
  );
}
