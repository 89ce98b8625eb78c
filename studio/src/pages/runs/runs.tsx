import { createMemo, createSignal, For, type JSX, onCleanup, Show } from "solid-js";
import { createStore, reconcile } from "solid-js/store";
import type { RunState, RunSummary } from "../../../../src/studio/training.ts";
import { api } from "../../api.ts";
import "../../styles/data.css";
import "../../styles/training.css";
import { Button } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { SelectField, TextField } from "../../components/field.tsx";
import { Loading } from "../../components/loading.tsx";
import { Table } from "../../components/table.tsx";
import { shortNumber, since } from "../../numbers.ts";
import type { PageProps } from "../../pages.ts";
import { address } from "../../route.ts";
import { Orders } from "./orders.tsx";
import { RunPage } from "./run.tsx";
import { StateTag, StepProgress } from "./run-state.tsx";

/** `#/runs` lists them, `#/runs/NAME` shows one. */
export default function Runs(props: PageProps): JSX.Element {
  return (
    <Show when={props.rest[0]} fallback={<RunList />} keyed>
      {(name) => <RunPage name={name} />}
    </Show>
  );
}

const states: readonly RunState[] = ["waiting", "starting", "training", "paused", "finished", "failed", "killed", "broken"];

function RunList(): JSX.Element {
  const [store, setStore] = createStore<{ runs?: RunSummary[] }>({});
  const runs = () => store.runs;
  const [text, setText] = createSignal("");
  const [state, setState] = createSignal("");
  const [chosen, setChosen] = createSignal<readonly string[]>([]);
  onCleanup(api.events("/api/runs-live", ({ data }) => setStore("runs", reconcile(data as RunSummary[], { key: "name" }))));
  const shown = createMemo(() => {
    const words = text().toLowerCase().split(/\s+/).filter(Boolean);
    return (runs() ?? []).filter((run) => {
      const all = [run.name, run.model, run.preset, run.data, run.state].join(" ").toLowerCase();
      return (state() === "" || run.state === state()) && words.every((word) => all.includes(word));
    });
  });
  const choose = (name: string, on: boolean) => setChosen((all) => (on ? [...all, name] : all.filter((other) => other !== name)));
  return (
    <>
      <div class="page-head">
        <h1>Runs</h1>
        <div class="row">
          <Button
            href={chosen().length > 1 ? address("compare", [], { runs: chosen().join(",") }) : undefined}
            disabled={chosen().length < 2}
          >
            Compare {chosen().length > 0 ? chosen().length : ""}
          </Button>
          <Button look="primary" href={address("train")}>
            New training
          </Button>
        </div>
      </div>
      <Show when={runs()} fallback={<Loading what="the runs" />}>
        <Show when={runs()!.length > 0} fallback={<NoRuns />}>
          <div class="filters">
            <TextField label="Find" type="search" live value={text()} onValue={setText} placeholder="name, model, data" />
            <SelectField
              label="State"
              value={state()}
              onValue={setState}
              options={[{ value: "", label: "all" }, ...states.map((each) => ({ value: each, label: each }))]}
            />
          </div>
          <p class="hint" aria-live="polite">
            {shown().length} of {runs()!.length} runs
          </p>
          <RunTable runs={shown()} chosen={chosen()} onChoose={choose} />
        </Show>
      </Show>
    </>
  );
}

function NoRuns(): JSX.Element {
  return (
    <EmptyState title="No runs yet">
      <p>A training makes the first: a small one takes seconds.</p>
      <Button look="primary" href={address("train")}>
        New training
      </Button>
    </EmptyState>
  );
}

function RunTable(props: {
  runs: readonly RunSummary[];
  chosen: readonly string[];
  onChoose: (name: string, on: boolean) => void;
}): JSX.Element {
  return (
    <Table
      caption="Runs"
      rows={props.runs}
      sorted={{ column: 4, descending: true }}
      columns={[
        {
          title: "Run",
          value: ({ name }) => name,
          cell: (run) => (
            <span class="row run-name">
              <input
                type="checkbox"
                aria-label={`Compare ${run.name}`}
                checked={props.chosen.includes(run.name)}
                disabled={run.state === "broken"}
                onChange={(event) => props.onChoose(run.name, event.currentTarget.checked)}
              />
              <a href={address("runs", [run.name])}>{run.name}</a>
            </span>
          ),
        },
        { title: "State", value: ({ state }) => state, cell: (run) => <StateCell run={run} /> },
        {
          title: "Model",
          value: ({ model }) => model ?? undefined,
          cell: ({ model, preset }) => [model, preset].filter(Boolean).join(" / ") || "–",
        },
        { title: "Data", value: ({ data }) => data ?? undefined, cell: ({ data }) => data?.split(/[/\\]/).at(-1) ?? "–" },
        { title: "Created", value: ({ created }) => created ?? undefined, cell: ({ created }) => since(created) },
        { title: "Results", cell: ({ results }) => <ResultList results={results} /> },
        { title: "Orders", cell: (run) => <Orders run={run} /> },
      ]}
    />
  );
}

function StateCell(props: { run: RunSummary }): JSX.Element {
  return (
    <div class="state-cell">
      <StateTag run={props.run} />
      <Show when={props.run.state === "training" || props.run.state === "paused"}>
        <StepProgress run={props.run} />
      </Show>
      <Show when={props.run.trouble?.what ?? props.run.activity}>{(text) => <p class="hint">{text()}</p>}</Show>
    </div>
  );
}

function ResultList(props: { results: RunSummary["results"] }): JSX.Element {
  return (
    <ul class="results">
      <For each={Object.entries(props.results).slice(0, 3)}>
        {([name, value]) => (
          <li>
            {name} {shortNumber(value)}
          </li>
        )}
      </For>
    </ul>
  );
}
