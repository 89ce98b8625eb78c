import { createResource, For, type JSX, Show } from "solid-js";
import type { ExplorableRun } from "../../../../src/studio/explore.ts";
import { api } from "../../api.ts";
import { EmptyState } from "../../components/empty-state.tsx";
import { Loaded } from "../../components/loading.tsx";
import { RunPicture } from "../../components/run-picture.tsx";
import type { PageProps } from "../../pages.ts";
import { address } from "../../route.ts";
import { Exploring } from "./exploring.tsx";
import "./explore.css";

/** Trained models by hand: choose one, and move through what it has learned. */
export default function Explore(props: PageProps): JSX.Element {
  return (
    <Show when={props.rest[0]} keyed fallback={<RunList />}>
      {(run) => <Exploring run={run} />}
    </Show>
  );
}

function RunList(): JSX.Element {
  const [runs, { refetch }] = createResource(() => api.get<{ runs: ExplorableRun[] }>("/api/explore").then((answer) => answer.runs));
  return (
    <>
      <div class="page-head">
        <h1>Explore</h1>
        <p>Open a trained run in this page itself: drag through its codes, move attributes, go from one picture to another.</p>
      </div>
      <Loaded resource={runs} what="the runs" retry={() => void refetch()}>
        {(all) => (
          <Show
            when={all.length > 0}
            fallback={
              <EmptyState title="No trained runs yet">
                <p>Train a model first; as soon as it has a checkpoint, it can be explored.</p>
              </EmptyState>
            }
          >
            <ul class="explore-runs">
              <For each={all}>
                {({ run, title, data, family, picture }) => (
                  <li>
                    <a class="card" href={address("explore", [run])}>
                      <RunPicture run={run} picture={picture} />
                      <strong>{run}</strong>
                      <span class="soft">
                        {title}
                        {data === null ? "" : `, ${data.split(/[/\\]/).at(-1)}`}
                      </span>
                      <span class="tag">{family}</span>
                    </a>
                  </li>
                )}
              </For>
            </ul>
          </Show>
        )}
      </Loaded>
    </>
  );
}
