import { type JSX, onMount, Show } from "solid-js";
import { type DataEntry, dataPath } from "../../../../src/studio/data.ts";
import type { Task } from "../../../../src/studio/tasks.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { notify } from "../../components/notices.tsx";
import { TaskState } from "../../components/task-state.tsx";
import { watchTask } from "../../task.ts";
import { prepareWords } from "./words.ts";

/** Fetches or draws a set when it is pressed, and tells how far it is. */
export function PrepareButton(props: { entry: DataEntry; onDone: () => void; look?: "primary" }): JSX.Element {
  const watch = watchTask(() => {
    notify({ kind: "done", text: `${props.entry.title} is ready.` });
    props.onDone();
  });
  onMount(() => void watch.resume("prepare", props.entry.name));
  return (
    <>
      <Show when={!watch.busy()}>
        <Button
          look={props.look}
          aria-label={`${prepareWords(props.entry)}: ${props.entry.title}`}
          onClick={() => void watch.begin(api.post<Task>(dataPath(props.entry.name, "/prepare")))}
        >
          {prepareWords(props.entry)}
        </Button>
      </Show>
      <TaskState watch={watch} label={`Preparing ${props.entry.title}`} />
    </>
  );
}
