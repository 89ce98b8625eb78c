import { learnPages } from "virtual:learn";
import { createMemo, createResource, createSignal, For, type JSX, Show } from "solid-js";
import type { Garden, GardenModel } from "../../../../src/studio/garden.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { Loaded, Loading } from "../../components/loading.tsx";
import type { PageProps } from "../../pages.ts";
import { address } from "../../route.ts";
import { chosen } from "../garden/catalogue.ts";
import { ModelPicture } from "../garden/model-picture.tsx";
import { CodePane } from "./code-pane.tsx";
import { render } from "./markdown.ts";
import { hasLearnPage, learnNames } from "./names.ts";
import type { LearnPage } from "./page.ts";
import "katex/dist/katex.min.css";
import "../garden/garden.css";
import "./learn.css";

/** A model's page beside its source, `#/learn/vae`; without a name, the list of them. */
export default function Learn(props: PageProps): JSX.Element {
  return (
    <Show when={props.rest[0]} fallback={<Contents />} keyed>
      {(name) => (
        <Show when={hasLearnPage(name)} fallback={<NoPage name={name} />}>
          <One name={name} />
        </Show>
      )}
    </Show>
  );
}

/** Models that have a page, by family, in the garden's order. */
function byFamily({ models }: Garden): [family: string, models: GardenModel[]][] {
  const families = new Map<string, GardenModel[]>();
  for (const model of chosen(models, { text: "", family: "", ability: "" })) {
    if (hasLearnPage(model.name)) families.set(model.family, [...(families.get(model.family) ?? []), model]);
  }
  return [...families];
}

/** The pages come with the studio: they can be read where it does not answer, too. */
function NamesOnly(props: { loading: boolean }): JSX.Element {
  return (
    <Show when={!props.loading} fallback={<Loading what="the list" />}>
      <ul>
        <For each={learnNames}>
          {(name) => (
            <li>
              <a href={address("learn", [name])}>{name}</a>
            </li>
          )}
        </For>
      </ul>
    </Show>
  );
}

function Contents(): JSX.Element {
  const [garden] = createResource(() => api.get<Garden>("/api/garden").catch(() => undefined));
  const families = createMemo(() => {
    const found = garden();
    return found === undefined ? undefined : byFamily(found);
  });
  return (
    <>
      <div class="page-head">
        <h1>Learn</h1>
        <p>
          How each model works: its equations beside the lines of code that they name, what to look for while it trains, how well it did.
        </p>
      </div>
      <Show when={families()} fallback={<NamesOnly loading={garden.loading} />}>
        {(all) => (
          <For each={all()}>
            {([family, models]) => (
              <section class="learn-family">
                <h2>{family}</h2>
                <ul class="learn-list">
                  <For each={models}>
                    {({ name, title, year }) => (
                      <li>
                        <a class="card" href={address("learn", [name])}>
                          <ModelPicture model={name} title={title} decorative />
                          <strong>{title}</strong>
                          <span class="soft">{year}</span>
                        </a>
                      </li>
                    )}
                  </For>
                </ul>
              </section>
            )}
          </For>
        )}
      </Show>
    </>
  );
}

function NoPage(props: { name: string }): JSX.Element {
  return (
    <EmptyState title={`There is no page about "${props.name}"`}>
      <Button href={address("learn")}>All pages</Button>
    </EmptyState>
  );
}

function One(props: { name: string }): JSX.Element {
  const [page] = createResource(async () => (await learnPages[props.name]()).page);
  return (
    <Loaded resource={page} what="the page">
      {(found) => <Reading page={found} />}
    </Loaded>
  );
}

function Reading(props: { page: LearnPage }): JSX.Element {
  const [quote, setQuote] = createSignal<number | undefined>();
  const rendered = createMemo(() => render(props.page));
  let article!: HTMLElement;
  const choose = (index: number | undefined) => {
    setQuote(index);
    for (const button of article.querySelectorAll<HTMLElement>(".quote")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.quote) === index));
    }
  };
  // One listener for all quotes, which are plain HTML.
  const onClick = (event: MouseEvent) => {
    const button = (event.target as Element).closest<HTMLElement>(".quote");
    if (button === null) return;
    choose(Number(button.dataset.quote));
    // Where the lines come up from below, they leave the button in sight.
    requestAnimationFrame(() => button.scrollIntoView({ block: "nearest" }));
  };
  return (
    <>
      <div class="page-head">
        <div>
          <a href={address("learn")}>Learn</a>
          <h1>{rendered().title}</h1>
        </div>
        <div class="row">
          <Button href={address("garden", [props.page.name])}>In the garden</Button>
          <Button look="primary" href={address("train", [], { model: props.page.name })}>
            Train this
          </Button>
        </div>
      </div>
      <div class="learn">
        {/* biome-ignore lint/a11y/useKeyWithClickEvents: the buttons inside take the keys */}
        <article class="prose" ref={article} onClick={onClick} innerHTML={rendered().html} />
        <CodePane page={props.page} quote={quote()} onClose={() => choose(undefined)} />
      </div>
    </>
  );
}
