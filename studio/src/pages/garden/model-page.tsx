import { results } from "virtual:results";
import { For, type JSX, Show } from "solid-js";
import { abilities, type Garden, type GardenModel } from "../../../../src/studio/garden.ts";
import { Button } from "../../components/button.tsx";
import { Card } from "../../components/card.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { Table } from "../../components/table.tsx";
import { address } from "../../route.ts";
import { hasLearnPage } from "../learn/names.ts";
import { sizeOf, tryAddress } from "./catalogue.ts";
import { ModelPicture } from "./model-picture.tsx";

/** One model: what it is, what it can do, how it is trained, how well it did. */
export function ModelPage(props: { garden: Garden; name: string }): JSX.Element {
  return (
    <Show
      when={props.garden.models.find(({ name }) => name === props.name)}
      fallback={
        <EmptyState title={`There is no model named "${props.name}"`}>
          <Button href={address("garden")}>All models</Button>
        </EmptyState>
      }
    >
      {(model) => <Details model={model()} finished={props.garden.finished[model().name] ?? []} />}
    </Show>
  );
}

function Details(props: { model: GardenModel; finished: readonly string[] }): JSX.Element {
  return (
    <article class="stack">
      <div class="page-head">
        <div>
          <a href={address("garden")}>Garden</a>
          <h1>{props.model.title}</h1>
        </div>
        <div class="row">
          <Button look="primary" href={address("train", [], { model: props.model.name })}>
            Train this
          </Button>
          <Show when={hasLearnPage(props.model.name)}>
            <Button href={address("learn", [props.model.name])}>Learn how it works</Button>
          </Show>
        </div>
      </div>
      <div class="model-head">
        <ModelPicture model={props.model.name} title={props.model.title} lazy={false} />
        <Card title="What it is">
          <p>{props.model.summary}</p>
          <dl class="facts">
            <dt>Family</dt>
            <dd>
              {props.model.family}, {props.model.year}
            </dd>
            <dt>Paper</dt>
            <dd>{props.model.paper.replace(/\b\d{4}\.\d{5}\b/g, "arXiv:$&")}</dd>
            <dt>Data</dt>
            <dd>{props.model.data.join(", ")}</dd>
            <dt>Abilities</dt>
            <dd class="row">
              <For each={props.model.abilities}>
                {(ability) => (
                  <a class="tag accent" href={address("garden", [], { can: ability })}>
                    {abilities[ability]}
                  </a>
                )}
              </For>
            </dd>
          </dl>
        </Card>
      </div>
      <Finished model={props.model} finished={props.finished} />
      <Presets model={props.model} />
      <Results model={props.model} />
      <Card title="What is measured">
        <Table
          caption="Metrics on held-out data"
          columns={[
            { title: "metric", cell: (metric) => <code>{metric.name}</code> },
            { title: "unit", cell: (metric) => metric.unit },
            { title: "better", cell: (metric) => metric.better },
            { title: "meaning", cell: (metric) => metric.about },
          ]}
          rows={props.model.metrics}
        />
      </Card>
    </article>
  );
}

function Finished(props: { model: GardenModel; finished: readonly string[] }): JSX.Element {
  return (
    <Card title="Try the finished one">
      <Show
        when={props.finished.length > 0}
        fallback={
          <p>
            No run of this model is finished yet. Train one here, or in a terminal: <code>atelier train {props.model.name}</code>. The
            preset <code>smoke</code> takes seconds and shows that everything works, <code>small</code> minutes.
          </p>
        }
      >
        <ul class="row bare">
          <For each={props.finished.slice(0, 12)}>
            {(run) => (
              <li>
                <Button href={tryAddress(props.model, run)}>{run}</Button>
              </li>
            )}
          </For>
        </ul>
      </Show>
    </Card>
  );
}

function Presets(props: { model: GardenModel }): JSX.Element {
  return (
    <Card title="Presets">
      <Table
        caption="Presets: settings that belong together"
        columns={[
          {
            title: "preset",
            cell: (preset) => <a href={address("train", [], { model: props.model.name, preset: preset.name })}>{preset.name}</a>,
          },
          { title: "for what, and how long", cell: (preset) => preset.about },
          { title: "data", cell: (preset) => preset.data },
          { title: "numbers", number: true, cell: (preset) => sizeOf(props.model.name, preset.name)?.toLocaleString("en") ?? "" },
        ]}
        rows={props.model.presets}
      />
    </Card>
  );
}

function Results(props: { model: GardenModel }): JSX.Element {
  const rows = () => results[props.model.name] ?? [];
  return (
    <Show when={rows().length > 0}>
      <Card title="Results">
        <Table
          caption="Figures of real runs, beside a PyTorch twin of the same architecture and budget"
          captioned
          columns={[
            { title: "preset", cell: (row) => row.preset },
            { title: "data", cell: (row) => row.data },
            { title: "measure", cell: (row) => row.measure },
            { title: "here", cell: (row) => row.ours },
            { title: "twin", cell: (row) => row.twin || "–" },
          ]}
          rows={rows()}
        />
      </Card>
    </Show>
  );
}
