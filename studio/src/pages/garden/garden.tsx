import { createMemo, createResource, createSignal, For, type JSX, Show } from "solid-js";
import { type Ability, abilities, type Garden } from "../../../../src/studio/garden.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { SelectField, TextField } from "../../components/field.tsx";
import { Loaded } from "../../components/loading.tsx";
import type { PageProps } from "../../pages.ts";
import { address, go } from "../../route.ts";
import { chosen, type Wish } from "./catalogue.ts";
import "./garden.css";
import { ModelCard } from "./model-card.tsx";
import { ModelPage } from "./model-page.tsx";

/** Every model of the garden, or one of them: `#/garden/vae`. */
export default function GardenPage(props: PageProps): JSX.Element {
  const [garden, { refetch }] = createResource(() => api.get<Garden>("/api/garden"));
  return (
    <Loaded resource={garden} what="the garden" retry={refetch}>
      {(found) => (
        <Show when={props.rest[0]} fallback={<All garden={found} query={props.query} />} keyed>
          {(name) => <ModelPage garden={found} name={name} />}
        </Show>
      )}
    </Loaded>
  );
}

function All(props: { garden: Garden; query: URLSearchParams }): JSX.Element {
  const asked = props.query.get("can") ?? "";
  const [wish, setWish] = createSignal<Wish>({
    text: props.query.get("text") ?? "",
    family: props.query.get("family") ?? "",
    ability: asked in abilities ? (asked as Ability) : "",
  });
  const narrow = (change: Partial<Wish>) => {
    const { text, family, ability } = setWish((before) => ({ ...before, ...change }));
    const query = Object.fromEntries(Object.entries({ text, family, can: ability }).filter(([, value]) => value !== ""));
    // The address says what is shown, so that it can be kept and sent.
    go(address("garden", [], query), true);
  };
  const families = createMemo(() => [...new Set(props.garden.models.map(({ family }) => family))]);
  const shown = createMemo(() => chosen(props.garden.models, wish()));
  return (
    <>
      <div class="page-head">
        <h1>Garden</h1>
        <p>Models that paint, write and translate, from the first to the latest: each a file to hold against its paper.</p>
      </div>
      <search class="garden-filter">
        <TextField
          label="Search"
          type="search"
          live
          value={wish().text}
          onValue={(text) => narrow({ text })}
          placeholder="name, paper, data …"
        />
        <SelectField
          label="Family"
          value={wish().family}
          onValue={(family) => narrow({ family })}
          options={[{ value: "", label: "all families" }, ...families()]}
        />
        <SelectField
          label="Ability"
          value={wish().ability}
          onValue={(ability) => narrow({ ability: ability as Ability | "" })}
          options={[{ value: "", label: "anything" }, ...Object.entries(abilities).map(([value, label]) => ({ value, label }))]}
        />
        <p class="hint" role="status">
          {shown().length} of {props.garden.models.length} models
        </p>
      </search>
      <Show
        when={shown().length > 0}
        fallback={
          <EmptyState title="No model fits">
            <Button onClick={() => narrow({ text: "", family: "", ability: "" })}>Show all</Button>
          </EmptyState>
        }
      >
        <ul class="garden-grid">
          <For each={shown()}>{(model) => <ModelCard model={model} finished={props.garden.finished[model.name] ?? []} />}</For>
        </ul>
      </Show>
    </>
  );
}
