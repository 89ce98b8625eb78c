import { For, type JSX, Show } from "solid-js";
import type { Figure, RunLine } from "../../../../src/studio/evaluation.ts";
import { Card } from "../../components/card.tsx";
import { FigureValue } from "../../components/figures.tsx";
import { type Column, Table } from "../../components/table.tsx";
import { address } from "../../route.ts";
import { RunState } from "./state.tsx";

/** All runs by the data they learnt from, with their newest evaluations. */
export function RunsByData(props: { runs: readonly RunLine[] }): JSX.Element {
  const groups = () => {
    const byData = new Map<string, RunLine[]>();
    for (const line of props.runs) {
      const key = line.data ?? (line.broken === undefined ? "no data" : "runs that cannot be read");
      byData.set(key, [...(byData.get(key) ?? []), line]);
    }
    return [...byData].sort(([a], [b]) => a.localeCompare(b));
  };
  return (
    <Show when={props.runs.length > 0}>
      <h2>Your runs, by data</h2>
      <p class="hint">
        Measures come from each run's newest evaluation. Evaluations of other sample counts or limits are not fully comparable.
      </p>
      <For each={groups()}>
        {([data, runs]) => (
          <Card title={data} level={3}>
            <Table caption={`Runs on ${data}`} columns={columnsOf(runs)} rows={runs} sorted={{ column: 0 }} />
          </Card>
        )}
      </For>
    </Show>
  );
}

/** Figures that several runs share come first; a figure of one run alone has no column. */
const MOST_FIGURES = 8;

function columnsOf(runs: readonly RunLine[]): Column<RunLine>[] {
  const counts = new Map<string, number>();
  const names = (line: RunLine) => [...line.measures, ...line.results].map(({ name }) => name);
  for (const line of runs) for (const name of new Set(names(line))) counts.set(name, (counts.get(name) ?? 0) + 1);
  const shared = [...counts].filter(([, count]) => count > 1 || runs.length === 1);
  const shown = shared.sort(([, a], [, b]) => b - a).slice(0, MOST_FIGURES);
  const find = (line: RunLine, name: string) =>
    line.measures.find((one) => one.name === name) ?? line.results.find((one) => one.name === name);
  const about = (name: string) => runs.map((line) => find(line, name)?.about).find((text) => text !== undefined && text !== "");
  return [
    {
      title: "run",
      value: ({ run }) => run,
      cell: ({ run, broken }) => (broken === undefined ? <a href={address("evaluate", [run])}>{run}</a> : run),
    },
    { title: "model", value: ({ model }) => model, cell: ({ model }) => model },
    { title: "state", value: ({ state }) => state, cell: ({ state, broken }) => <RunState state={state} broken={broken} /> },
    ...shown.map(
      ([name]): Column<RunLine> => ({
        title: name,
        about: about(name),
        number: true,
        value: (line) => find(line, name)?.value ?? undefined,
        cell: (line) => <Show when={find(line, name)}>{(figure: () => Figure) => <FigureValue figure={figure()} />}</Show>,
      }),
    ),
  ];
}
