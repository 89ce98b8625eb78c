import { createResource, createSignal, For, type JSX, onMount, Show } from "solid-js";
import type { EvaluationReport, RunEvaluations } from "../../../../src/studio/evaluation.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { Card } from "../../components/card.tsx";
import { SelectField } from "../../components/field.tsx";
import { FigureTable } from "../../components/figures.tsx";
import { notify, tellError } from "../../components/notices.tsx";
import { Part } from "../../components/part.tsx";
import { TaskState } from "../../components/task-state.tsx";
import { address } from "../../route.ts";
import { watchTask } from "../../task.ts";
import { RunState } from "../leaderboard/state.tsx";
import { OrderForm } from "./order.tsx";
import { Report } from "./report.tsx";

/** The address of a run's evaluations. */
export function evaluationsPath(run: string, rest = ""): string {
  return `/api/evaluations/${encodeURIComponent(run)}${rest}`;
}

/** One run: what has been measured of it, and a form to measure it again. */
export function EvaluateRun(props: { run: string }): JSX.Element {
  const [about, { refetch }] = createResource(() => api.get<RunEvaluations>(evaluationsPath(props.run)));
  const [chosen, setChosen] = createSignal("");
  const watch = watchTask((task) => {
    setChosen((task.result as EvaluationReport).id);
    notify({ kind: "done", text: `${props.run} is evaluated.` });
    void refetch();
  });
  onMount(() => void watch.resume("evaluate", props.run));
  return (
    <>
      <p>
        <a href={address("evaluate")}>All runs</a>
      </p>
      <div class="page-head">
        <h1>Evaluate {props.run}</h1>
      </div>
      <div class="stack">
        <Part resource={about} what="the run" retry={() => void refetch()}>
          {(found) => (
            <div class="stack">
              <Head about={found} />
              <Show when={!watch.busy()}>
                <OrderForm about={found} watch={watch} />
              </Show>
            </div>
          )}
        </Part>
        <TaskState watch={watch} label={`Evaluating ${props.run}`} />
        <Show when={about.error === undefined && about.latest}>
          {(found) => <Kept about={found()} chosen={chosen()} onChosen={setChosen} onChanged={() => void refetch()} />}
        </Show>
      </div>
    </>
  );
}

function Head(props: { about: RunEvaluations }): JSX.Element {
  return (
    <>
      <p>
        {props.about.title} on {props.about.data ?? "no data"} <RunState state={props.about.state} />
        <Show when={props.about.state !== "finished"}>
          <span class="hint"> Its training has not finished: the figures are those of its newest checkpoint.</span>
        </Show>
      </p>
      <Show when={props.about.results.length > 0}>
        <Card title="What its training ended with">
          <FigureTable caption="Figures at the end of the training" figures={props.about.results} />
        </Card>
      </Show>
    </>
  );
}

function Kept(props: { about: RunEvaluations; chosen: string; onChosen: (id: string) => void; onChanged: () => void }): JSX.Element {
  const shown = () => props.about.evaluations.find(({ id }) => id === props.chosen) ?? props.about.evaluations[0];
  const title = ({ created, step, data, samples }: EvaluationReport) =>
    `${created.slice(0, 16).replace("T", " ")}, step ${step}, ${data}${samples > 0 ? `, ${samples} samples` : ""}`;
  const remove = async (id: string) => {
    try {
      await api.delete(evaluationsPath(props.about.run, `/${id}`));
      props.onChanged();
    } catch (error) {
      tellError(error);
    }
  };
  return (
    <section class="stack" aria-label="Evaluations">
      <For each={props.about.broken}>
        {({ file, because }) => (
          <p class="told-bad">
            The evaluation <code>{file}</code> cannot be read: {because}.
          </p>
        )}
      </For>
      <Show when={shown()} fallback={<p class="soft">It has not been evaluated here yet.</p>}>
        {(report) => (
          <>
            <div class="controls">
              <SelectField
                label="Evaluation"
                value={report().id}
                onValue={props.onChosen}
                options={props.about.evaluations.map((one) => ({ value: one.id, label: title(one) }))}
              />
              <Button onClick={() => void remove(report().id)} aria-label={`Remove the evaluation of ${title(report())}`}>
                Remove
              </Button>
            </div>
            <Report report={report()} />
          </>
        )}
      </Show>
    </section>
  );
}
