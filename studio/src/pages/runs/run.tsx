import { createMemo, createSignal, For, type JSX, Show } from "solid-js";
import type { MetricAbout, RunDetail } from "../../../../src/studio/training.ts";
import { Button } from "../../components/button.tsx";
import { Card } from "../../components/card.tsx";
import type { Zoom } from "../../components/chart.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { Facts } from "../../components/facts.tsx";
import { Loading } from "../../components/loading.tsx";
import { Table } from "../../components/table.tsx";
import { byteSize, duration, shortNumber, since } from "../../numbers.ts";
import { address, go } from "../../route.ts";
import { CurvesPanel } from "./curves.tsx";
import { followRun } from "./follow.ts";
import { Orders } from "./orders.tsx";
import { StateTag, StepProgress, TroubleNote } from "./run-state.tsx";
import { Samples } from "./samples.tsx";
import { Share } from "./share.tsx";

/** One run, live: how it goes, what it makes, what it can be told. */
export function RunPage(props: { name: string }): JSX.Element {
  const [zoom, setZoom] = createSignal<Zoom>();
  const run = followRun(() => props.name, zoom);
  return (
    <Show
      when={run.error() === undefined && run.gone() === undefined}
      fallback={
        <EmptyState title={run.gone() === undefined ? "This run cannot be shown" : "This run is gone"} level={1} role="alert">
          <p class="told">{run.gone() ?? run.error()?.message}</p>
          <Button href={address("runs")}>To all runs</Button>
        </EmptyState>
      }
    >
      <Show when={run.detail()} fallback={<Loading what={`the run ${props.name}`} />}>
        {(detail) => (
          <div class="stack">
            <Head run={detail()} lost={run.lost()} />
            <div class="run-columns">
              <div class="stack">
                <Show when={run.curves()}>
                  {(curves) => (
                    <Show when={curves().rows > 0} fallback={<NoCurves run={detail()} />}>
                      <CurvesPanel curves={curves()} zoom={zoom()} onZoom={setZoom} metrics={detail().metrics} />
                    </Show>
                  )}
                </Show>
              </div>
              <div class="stack">
                <Samples run={detail().name} samples={run.samples()} />
                <Results run={detail()} />
                <Show when={detail().checkpoints.length > 0 && detail().state !== "broken"}>
                  <Share run={detail().name} newest={detail().checkpoints.at(-1)!} />
                </Show>
                <Notes run={detail()} />
                <Settings run={detail()} />
              </div>
            </div>
          </div>
        )}
      </Show>
    </Show>
  );
}

function Head(props: { run: RunDetail; lost: boolean }): JSX.Element {
  const again = () => address("train", [], { from: props.run.name });
  return (
    <Card class="run-head">
      <div class="row run-title">
        <h1>{props.run.name}</h1>
        <StateTag run={props.run} />
        <Show when={props.lost}>
          <span class="tag warn">the studio does not answer</span>
        </Show>
      </div>
      <p class="soft" aria-live="polite">
        {[
          props.run.title ?? props.run.model,
          props.run.preset,
          props.run.data?.split(/[/\\]/).at(-1),
          `seed ${props.run.seed ?? "–"}`,
          since(props.run.created),
        ]
          .filter(Boolean)
          .join(" · ")}
        <Show when={props.run.activity}>{(activity) => <> · {activity()}</>}</Show>
      </p>
      <StepProgress run={props.run} />
      <Show when={props.run.trouble}>{(trouble) => <TroubleNote trouble={trouble()} />}</Show>
      <div class="row">
        <Orders run={props.run} onRemoved={() => go(address("runs"))} />
        <Show when={props.run.checkpoints.length > 0 && props.run.state !== "broken"}>
          <Button href={address("generate", [props.run.name])}>Generate</Button>
          <Button href={address("explore", [props.run.name])}>Explore</Button>
          <Button href={address("evaluate", [props.run.name])}>Evaluate</Button>
        </Show>
        <Show when={props.run.model !== null && props.run.state !== "broken"}>
          <Button href={again()}>Train again…</Button>
          <Button href={address("compare", [], { runs: props.run.name })}>Compare…</Button>
        </Show>
      </div>
    </Card>
  );
}

function NoCurves(props: { run: RunDetail }): JSX.Element {
  const text = () => {
    const { state } = props.run;
    if (state === "waiting") return "The training waits until another has ended.";
    return state === "starting" ? "The curves begin with the first step." : "No step was logged.";
  };
  return (
    <EmptyState title="No curves yet" role="status">
      <p>{text()}</p>
    </EmptyState>
  );
}

function Results(props: { run: RunDetail }): JSX.Element {
  const rows = createMemo(() => Object.entries(props.run.results));
  return (
    <Show when={rows().length > 0}>
      <Card title="Results on held-out data">
        <Table
          caption={`Results of ${props.run.name}`}
          rows={rows()}
          columns={[
            { title: "Metric", cell: ([name]) => <MetricName name={name} about={props.run.metrics[name]} /> },
            { title: "Value", cell: ([, value]) => shortNumber(value), number: true },
            { title: "Unit", cell: ([name]) => props.run.metrics[name]?.unit ?? "" },
          ]}
        />
      </Card>
    </Show>
  );
}

function MetricName(props: { name: string; about: MetricAbout | undefined }): JSX.Element {
  return (
    <>
      {props.name}
      <Show when={props.about}>
        {(about) => (
          <p class="hint">
            {about().about}; {about().better} is better
          </p>
        )}
      </Show>
    </>
  );
}

function Notes(props: { run: RunDetail }): JSX.Element {
  return (
    <Card title="What happened">
      <Show when={props.run.notes.length > 0} fallback={<p class="soft">Nothing is noted of it.</p>}>
        <ol class="notes" aria-live="polite">
          <For each={props.run.notes}>
            {(note) => (
              <li class={`note ${note.type}`}>
                <time datetime={note.time}>{new Date(note.time).toLocaleString()}</time>
                <span>
                  <Show when={note.type === "warning"}>
                    <span class="tag warn">warning</span>{" "}
                  </Show>
                  {note.text}
                  <Show when={note.step !== null && note.step > 0 && note.type !== "start"}> (step {note.step!.toLocaleString("en")})</Show>
                </span>
              </li>
            )}
          </For>
        </ol>
      </Show>
    </Card>
  );
}

/** The run's card: how it was made, and with what. */
function Settings(props: { run: RunDetail }): JSX.Element {
  const facts = (): [string, string][] => [
    ["Parameters", shortNumber(props.run.parameters)],
    [
      "A step",
      `${duration(props.run.stepSeconds)}${props.run.predicted === null ? "" : `, foreseen ${duration(props.run.predicted.stepSeconds)}`}`,
    ],
    ["Memory foreseen", props.run.predicted === null ? "–" : byteSize(props.run.predicted.memoryBytes)],
    ["Checkpoints", props.run.checkpoints.length === 0 ? "none" : `at step ${props.run.checkpoints.join(", ")}`],
    ["Device", props.run.device ?? "–"],
    [
      "Versions",
      Object.entries(props.run.versions)
        .map((pair) => pair.join(" "))
        .join(", ") || "–",
    ],
  ];
  return (
    <Card title="How it was made">
      <Facts facts={facts()} />
      <pre class="command" title="Command line">
        {props.run.command.join(" ")}
      </pre>
      <details>
        <summary>All settings</summary>
        <pre class="command">{JSON.stringify({ config: props.run.config, training: props.run.training }, null, 2)}</pre>
      </details>
    </Card>
  );
}
