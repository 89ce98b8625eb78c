import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import { dataPath, type Repetitions } from "../../../../src/studio/data.ts";
import { api } from "../../api.ts";
import { shareText } from "../../components/bars.tsx";
import { Button } from "../../components/button.tsx";
import { Card } from "../../components/card.tsx";
import { Part } from "../../components/part.tsx";
import { countText } from "./words.ts";

/** What is in a set twice, and what leaks from one split into the other: looked for when it is asked for. */
export function RepetitionsCard(props: { name: string; what: string }): JSX.Element {
  const [asked, setAsked] = createSignal(false);
  return (
    <Card title="What is there twice">
      <Show
        when={asked()}
        fallback={
          <div class="stack">
            <p class="soft">
              Equal {props.what} in training are learnt twice; held-out ones that are in training too make figures look better.
            </p>
            <div class="row">
              <Button onClick={() => setAsked(true)}>Look for them</Button>
            </div>
          </div>
        }
      >
        <Found name={props.name} what={props.what} />
      </Show>
    </Card>
  );
}

function Found(props: { name: string; what: string }): JSX.Element {
  const [found, { refetch }] = createResource(() => api.get<Repetitions>(dataPath(props.name, "/repetitions")));
  return (
    <Part resource={found} what="what is there twice" retry={() => void refetch()}>
      {({ copies, leaks, examples }) => (
        <div class="stack" role="status">
          <p>
            {countText(copies)} training {props.what} say or show what an earlier one does; {countText(leaks)} held-out {props.what} are in
            training, too.
          </p>
          <Show when={examples.length > 0}>
            <details>
              <summary>Some of them</summary>
              <ul>
                <For each={examples}>
                  {({ first, second, overlap }) => (
                    <li>
                      {first} and {second}
                      <Show when={overlap < 1}>, {shareText(overlap)} alike</Show>
                    </li>
                  )}
                </For>
              </ul>
            </details>
          </Show>
        </div>
      )}
    </Part>
  );
}
