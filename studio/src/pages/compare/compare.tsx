import { createEffect, createMemo, createResource, createSignal, For, type JSX, on, onCleanup, Show } from "solid-js";
import type { Curves } from "../../../../src/studio/metrics.ts";
import type { RunDetail, RunSummary } from "../../../../src/studio/training.ts";
import { api } from "../../api.ts";
import "../../styles/training.css";
import { Button } from "../../components/button.tsx";
import { Card } from "../../components/card.tsx";
import { Chart, type Zoom } from "../../components/chart.tsx";
import { type ChartLine, smooth } from "../../components/curve-data.ts";
import { EmptyState } from "../../components/empty-state.tsx";
import { CheckField, RangeField, SelectField } from "../../components/field.tsx";
import { tellError } from "../../components/notices.tsx";
import { Table } from "../../components/table.tsx";
import { shortNumber } from "../../numbers.ts";
import type { PageProps } from "../../pages.ts";
import { address, go } from "../../route.ts";
import { chartGroups } from "../runs/append.ts";
import { fetchCurves } from "../runs/follow.ts";
import { comparedRows } from "./rows.ts";

/** Lines of one chart that can still be told apart. */
const MOST = 6;

interface Compared {
  readonly run: RunDetail;
  readonly curves: Curves;
}

/** Several runs beside each other: `?runs=a,b`. */
export default function Compare(props: PageProps): JSX.Element {
  const names = createMemo(() => [...new Set((props.query.get("runs") ?? "").split(",").filter(Boolean))].slice(0, MOST));
  const [zoom, setZoom] = createSignal<Zoom>();
  const [all] = createResource(() => api.get<RunSummary[]>("/api/runs"));
  const [runs, { refetch }] = createResource(
    () => ({ names: names(), zoom: zoom() }),
    async ({ names: wanted, zoom: range }) => {
      const found = await Promise.all(wanted.map((name) => load(name, range)));
      return found.filter((each) => each !== undefined);
    },
  );
  const live = createMemo(() => (runs.latest ?? []).some(({ run }) => run.state === "training" || run.state === "starting"));
  createEffect(
    on(live, (is) => {
      const timer = is ? setInterval(() => void refetch(), 2000) : undefined;
      onCleanup(() => clearInterval(timer));
    }),
  );
  const set = (next: readonly string[]) => go(address("compare", [], { runs: next.join(",") }), true);
  return (
    <>
      <div class="page-head">
        <h1>Compare</h1>
      </div>
      <div class="stack">
        <Chosen names={names()} all={all.latest ?? []} onNames={set} />
        <Show
          when={(runs.latest ?? []).length > 0}
          fallback={
            <EmptyState title="No runs chosen">
              <p>Choose up to six to see their curves and settings side by side.</p>
            </EmptyState>
          }
        >
          <ComparedCurves runs={runs.latest!} zoom={zoom()} onZoom={setZoom} />
          <ComparedSettings runs={runs.latest!.map(({ run }) => run)} />
        </Show>
      </div>
    </>
  );
}

async function load(name: string, zoom: Zoom): Promise<Compared | undefined> {
  try {
    const run = await api.get<RunDetail>(`/api/runs/${encodeURIComponent(name)}`);
    return { run, curves: await fetchCurves(name, zoom) };
  } catch (error) {
    tellError(error);
    return undefined;
  }
}

function Chosen(props: { names: readonly string[]; all: readonly RunSummary[]; onNames: (names: readonly string[]) => void }): JSX.Element {
  const rest = () => props.all.filter(({ name, state }) => state !== "broken" && !props.names.includes(name));
  return (
    <div class="chosen">
      <ul class="row">
        <For each={props.names}>
          {(name, i) => (
            <li class="chip">
              <i style={{ background: `var(--series-${i() + 1})` }} />
              <a href={address("runs", [name])}>{name}</a>
              <button
                type="button"
                class="close"
                aria-label={`Leave ${name} out`}
                onClick={() => props.onNames(props.names.filter((other) => other !== name))}
              >
                ×
              </button>
            </li>
          )}
        </For>
      </ul>
      <Show when={props.names.length < MOST}>
        <SelectField
          label="Add a run"
          value=""
          onValue={(name) => name !== "" && props.onNames([...props.names, name])}
          options={[
            { value: "", label: "choose…" },
            ...rest().map(({ name, model }) => ({ value: name, label: `${name} (${model ?? "?"})` })),
          ]}
        />
      </Show>
    </div>
  );
}

function ComparedCurves(props: { runs: readonly Compared[]; zoom: Zoom; onZoom: (zoom: Zoom) => void }): JSX.Element {
  const [log, setLog] = createSignal(false);
  const [factor, setFactor] = createSignal(0.6);
  const names = createMemo(
    () => chartGroups([...new Set(props.runs.flatMap(({ curves }) => curves.curves.map(({ name }) => name)))]).main,
    undefined,
    {
      equals: (a, b) => a.join() === b.join(),
    },
  );
  const lines = (name: string): ChartLine[] =>
    props.runs.flatMap(({ run, curves }, i) => {
      const curve = curves.curves.find((each) => each.name === name);
      if (curve === undefined) return [];
      const held = name.startsWith("heldOut.");
      return [
        { label: run.name, colour: i + 1, steps: curves.steps, values: held ? curve.mean : smooth(curve.mean, factor()), dots: held },
      ];
    });
  return (
    <Card title="Curves" class="curves">
      <div class="chart-controls">
        <CheckField label="Logarithmic" value={log()} onValue={setLog} />
        <RangeField label="Smoothing" value={factor()} min={0} max={0.99} step={0.01} onValue={setFactor} />
        <Button disabled={props.zoom === undefined} onClick={() => props.onZoom(undefined)}>
          All steps
        </Button>
      </div>
      <div class="charts">
        <For each={names()}>
          {(name) => <Chart title={name} lines={lines(name)} log={log()} zoom={props.zoom} onZoom={props.onZoom} sync="compare" />}
        </For>
      </div>
    </Card>
  );
}

function ComparedSettings(props: { runs: readonly RunDetail[] }): JSX.Element {
  const [same, setSame] = createSignal(false);
  const rows = createMemo(() => comparedRows(props.runs).filter(({ differs, group }) => same() || differs || group === "results"));
  return (
    <Card title="Settings and results" aside={<CheckField label="What is the same too" value={same()} onValue={setSame} />}>
      <Table
        caption="Settings and results of the runs"
        rows={rows()}
        columns={[
          { title: "Setting", cell: ({ key, differs }) => <span class={differs ? "differs" : ""}>{key}</span> },
          ...props.runs.map(({ name }, i) => ({
            title: name,
            cell: ({ values, differs, best }: ReturnType<typeof comparedRows>[number]) => (
              <span class={differs ? "differs" : ""}>
                {shown(values[i])}
                {best === i ? <span class="tag good best">best</span> : ""}
              </span>
            ),
          })),
        ]}
      />
    </Card>
  );
}

function shown(value: unknown): string {
  if (typeof value === "number" || value === undefined || value === null) return shortNumber(value as number | undefined);
  return typeof value === "string" ? value : JSON.stringify(value);
}
