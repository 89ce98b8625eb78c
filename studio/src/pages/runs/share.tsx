import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import type { SharedPage, SharePrecision } from "../../../../src/studio/share.ts";
import type { Task } from "../../../../src/studio/tasks.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { Card } from "../../components/card.tsx";
import { SelectField } from "../../components/field.tsx";
import { TaskState } from "../../components/task-state.tsx";
import { byteSize } from "../../numbers.ts";
import { watchTask } from "../../task.ts";

/** The run as one file: made by the studio, kept in the run's folder, saved by the browser. @param props.newest step of its newest checkpoint */
export function Share(props: { run: string; newest: number }): JSX.Element {
  const place = () => `/api/share/${encodeURIComponent(props.run)}`;
  // With a value from the beginning, so that the page around it does not wait for it.
  const [pages, { refetch }] = createResource(place, (at) => api.get<readonly SharedPage[]>(at).catch(() => []), { initialValue: [] });
  const [precision, setPrecision] = createSignal<SharePrecision>("float32");
  const watch = watchTask(() => void refetch());
  void watch.resume("share", props.run);
  return (
    <Card title="Take it with you" class="share">
      <p class="soft">
        One file with the model and what there is to do with it: it opens from the disk, in any browser, without a network.
      </p>
      <For each={pages.latest}>{(page) => <Made run={props.run} place={place()} page={page} newest={props.newest} />}</For>
      <Show when={!watch.busy()}>
        <div class="row">
          <SelectField
            label="Weights"
            value={precision()}
            options={[
              { value: "float32", label: "as they are (float32)" },
              { value: "float16", label: "half the room (float16)" },
            ]}
            onValue={(value) => setPrecision(value as SharePrecision)}
          />
          <Button onClick={() => void watch.begin(api.post<Task>(place(), { precision: precision() }))}>Make the file</Button>
        </div>
      </Show>
      <TaskState watch={watch} label={`Making ${props.run} one file`} />
    </Card>
  );
}

function Made(props: { run: string; place: string; page: SharedPage; newest: number }): JSX.Element {
  const name = () => (props.page.precision === "float32" ? `${props.run}.html` : `${props.run}-${props.page.precision}.html`);
  return (
    <div class="shared">
      <a class="button primary" href={`.${props.place}/${props.page.precision}`} download={name()}>
        Save {name()}
      </a>
      <p class="hint">
        {byteSize(props.page.bytes)}, of which the weights take {byteSize(props.page.weights)}; after step{" "}
        {props.page.step.toLocaleString("en")}
        <Show when={props.page.step < props.newest}>, which is not the newest checkpoint</Show>
        <For each={props.page.notes}>{(note) => <>; {note}</>}</For>
      </p>
    </div>
  );
}
