import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import { type DataEntry, dataPath } from "../../../../src/studio/data.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { Facts } from "../../components/facts.tsx";
import { TextField } from "../../components/field.tsx";
import { Part } from "../../components/part.tsx";
import { address } from "../../route.ts";
import { PrepareButton } from "./prepare.tsx";
import { UploadOwn } from "./upload.tsx";
import { kindWords, readiness, sizeWords, trainAddress } from "./words.ts";

/** Every data set, and a place to bring one's own. */
export function DataList(): JSX.Element {
  const [sets, { refetch }] = createResource(async () => (await api.get<{ sets: DataEntry[] }>("/api/data")).sets);
  const [search, setSearch] = createSignal("");
  const again = () => void refetch();
  return (
    <>
      <div class="page-head">
        <h1>Data</h1>
        <p>What models learn from: look at it before you train on it. Nothing is fetched before you ask for it.</p>
      </div>
      <div class="stack">
        <UploadOwn onDone={again} />
        <div class="controls">
          <TextField label="Find" type="search" live value={search()} onValue={setSearch} placeholder="faces, moons, text ..." />
        </div>
        <Part resource={sets} what="the data sets" retry={again}>
          {(all) => <Groups sets={all.filter((entry) => fits(entry, search()))} onChanged={again} />}
        </Part>
      </div>
    </>
  );
}

function fits({ name, title, summary, kind, classes, attributes }: DataEntry, search: string): boolean {
  const words = [name, title, summary, kind, ...classes, ...attributes].join(" ").toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => words.includes(word));
}

function Groups(props: { sets: readonly DataEntry[]; onChanged: () => void }): JSX.Element {
  const groups = () => {
    const named = props.sets.filter(({ own }) => !own);
    return [
      { heading: "Your own", sets: props.sets.filter(({ own }) => own) },
      { heading: kindWords.pictures.heading, sets: named.filter(({ kind }) => kind === "pictures") },
      { heading: kindWords.points.heading, sets: named.filter(({ kind }) => kind === "points") },
      { heading: kindWords.text.heading, sets: named.filter(({ kind }) => kind === "text" || kind === "pairs") },
    ].filter(({ sets }) => sets.length > 0);
  };
  return (
    <Show when={groups().length > 0} fallback={<p class="soft">Nothing of that name.</p>}>
      <For each={groups()}>
        {({ heading, sets }) => (
          <section class="stack" aria-label={heading}>
            <h2>{heading}</h2>
            <ul class="tiles">
              <For each={sets}>
                {(entry) => (
                  <li>
                    <Tile entry={entry} onChanged={props.onChanged} />
                  </li>
                )}
              </For>
            </ul>
          </section>
        )}
      </For>
    </Show>
  );
}

function Tile(props: { entry: DataEntry; onChanged: () => void }): JSX.Element {
  const state = () => readiness(props.entry);
  const there = () => address("data", [props.entry.name]);
  return (
    <article class="card">
      <div class="card-head">
        <h3>
          <a href={there()}>{props.entry.title}</a>
        </h3>
        <span class={`tag ${state().look}`}>{state().text}</span>
      </div>
      <Show when={props.entry.kind === "pictures" && props.entry.prepared && !props.entry.own}>
        <img
          class="thumbs pixelated"
          src={`.${dataPath(props.entry.name, "/thumbs.png")}`}
          alt={`Six pictures of ${props.entry.title}`}
          loading="lazy"
        />
      </Show>
      <p>{props.entry.broken ?? props.entry.summary}</p>
      <Facts
        facts={[
          ["size", sizeWords(props.entry)],
          ["licence", props.entry.licence],
          ["source", props.entry.source],
        ]}
      />
      <div class="row actions">
        <Show when={props.entry.prepared} fallback={<PrepareButton entry={props.entry} onDone={props.onChanged} />}>
          <Button href={there()} aria-label={`Look at it: ${props.entry.title}`}>
            Look at it
          </Button>
        </Show>
        <Show when={props.entry.broken === undefined}>
          <Button href={trainAddress(props.entry)} aria-label={`Train on it: ${props.entry.title}`}>
            Train on it
          </Button>
        </Show>
      </div>
    </article>
  );
}
