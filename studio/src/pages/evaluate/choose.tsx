import { createResource, type JSX, Show } from "solid-js";
import type { Leaderboards, RunLine } from "../../../../src/studio/evaluation.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { Part } from "../../components/part.tsx";
import { Table } from "../../components/table.tsx";
import { address } from "../../route.ts";
import { RunState } from "../leaderboard/state.tsx";

/** Which run to evaluate. */
export function ChooseRun(): JSX.Element {
  const [all, { refetch }] = createResource(() => api.get<Leaderboards>("/api/leaderboards"));
  return (
    <>
      <div class="page-head">
        <h1>Evaluate</h1>
        <p>Measure a run on data that it has not seen, hold its samples against the data, and look whether it copies.</p>
      </div>
      <Part resource={all} what="the runs" retry={() => void refetch()}>
        {({ runs }) => (
          <Show
            when={runs.length > 0}
            fallback={
              <EmptyState title="No runs yet">
                <p>Train something first.</p>
                <Button href={address("train")}>To training</Button>
              </EmptyState>
            }
          >
            <Table<RunLine>
              caption="Runs that can be evaluated"
              rows={runs}
              columns={[
                {
                  title: "run",
                  value: ({ run }) => run,
                  cell: ({ run, broken }) => (broken === undefined ? <a href={address("evaluate", [run])}>{run}</a> : run),
                },
                { title: "model", value: ({ model }) => model, cell: ({ model }) => model },
                { title: "data", value: ({ data }) => data ?? "", cell: ({ data }) => data ?? "" },
                { title: "state", value: ({ state }) => state, cell: (line) => <RunState state={line.state} broken={line.broken} /> },
                {
                  title: "begun",
                  value: ({ created }) => created,
                  cell: ({ created }) => created.slice(0, 16).replace("T", " "),
                },
                {
                  title: "last evaluation",
                  value: ({ evaluated }) => evaluated,
                  cell: ({ evaluated }) => evaluated?.slice(0, 16).replace("T", " ") ?? "none",
                },
              ]}
              sorted={{ column: 4, descending: true }}
            />
          </Show>
        )}
      </Part>
    </>
  );
}
