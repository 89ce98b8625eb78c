import { createResource, For, type JSX, Show } from "solid-js";
import type { GenerateKind, Generator } from "../../../../src/studio/generate.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { Loaded } from "../../components/loading.tsx";
import { RunPicture } from "../../components/run-picture.tsx";
import { address } from "../../route.ts";

/** What each kind makes, in a word. */
export const kindWords: Readonly<Record<GenerateKind, string>> = {
  pictures: "pictures",
  points: "points",
  text: "text",
  pairs: "text from text",
  masks: "hidden words",
  none: "nothing",
};

export interface GeneratorsProps {
  /** The page that is opened with one: "generate" or "chat". */
  readonly page: "generate" | "chat";
}

/** Every run and folder that can make something, to choose one. */
export function Generators(props: GeneratorsProps): JSX.Element {
  const [all, { refetch }] = createResource(() => api.get<Generator[]>("/api/generate"));
  const fitting = (found: readonly Generator[]) => found.filter(({ kind, chat }) => (props.page === "chat" ? chat : kind !== "none"));
  const others = (found: readonly Generator[]) => found.filter(({ kind }) => kind === "none" && props.page === "generate");
  return (
    <Loaded resource={all} what="the runs" retry={() => void refetch()}>
      {(found) => (
        <Show when={fitting(found).length > 0} fallback={<NothingYet page={props.page} />}>
          <ul class="generators">
            <For each={fitting(found)}>{(generator) => <One generator={generator} page={props.page} />}</For>
          </ul>
          <Show when={others(found).length > 0}>
            <details>
              <summary>{others(found).length} that make nothing</summary>
              <ul class="reasons">
                <For each={others(found)}>
                  {({ name, reason }) => (
                    <li>
                      <strong>{name}</strong> <span class="hint">{reason}</span>
                    </li>
                  )}
                </For>
              </ul>
            </details>
          </Show>
        </Show>
      )}
    </Loaded>
  );
}

function One(props: { generator: Generator; page: "generate" | "chat" }): JSX.Element {
  const { name, title, kind, folder, reason, picture } = props.generator;
  return (
    <li class="card">
      <RunPicture run={name} picture={picture} />
      <h2>{reason === undefined ? <a href={address(props.page, [name])}>{name}</a> : name}</h2>
      <p>{folder ? "a folder of a pretrained model" : title}</p>
      <p class="row">
        <span class="tag accent">{kindWords[kind]}</span>
        <Show when={reason}>{(text) => <span class="hint">{text()}</span>}</Show>
      </p>
    </li>
  );
}

function NothingYet(props: { page: "generate" | "chat" }): JSX.Element {
  return (
    <Show
      when={props.page === "chat"}
      fallback={
        <EmptyState title="Nothing to generate with yet">
          <p>Train a model first; its first checkpoint is enough.</p>
          <Button look="primary" href={address("train")}>
            Train one
          </Button>
        </EmptyState>
      }
    >
      <EmptyState title="Nobody to talk with yet">
        <p>
          Train a model of text, or start the studio with a folder of a pretrained one: <code>atelier studio --folder PATH</code>.
        </p>
        <Button look="primary" href={address("train", [], { model: "gpt" })}>
          Train a GPT
        </Button>
      </EmptyState>
    </Show>
  );
}
