import { type JSX, Match, Show, Switch } from "solid-js";
import type { TaskWatch } from "../task.ts";
import { Button } from "./button.tsx";
import { Progress } from "./progress.tsx";

/** How a task stands: what it does and a button to stop it, or why it failed. @param props.label "Evaluating vae-001" */
export function TaskState(props: { watch: TaskWatch; label: string }): JSX.Element {
  return (
    <div class="task" aria-live="polite">
      <Switch>
        <Match when={props.watch.task()?.state === "running"}>
          <Progress
            label={props.label}
            value={undefined}
            text={`${props.watch.task()!.message}, ${Math.round(props.watch.task()!.seconds)} s`}
          />
          <Button onClick={() => props.watch.cancel()}>Stop</Button>
        </Match>
        <Match when={props.watch.task()?.state === "cancelled"}>
          <p class="hint">Stopped. Nothing was kept.</p>
        </Match>
        <Match when={props.watch.task()?.state === "failed" && props.watch.task()}>
          {(task) => (
            <div class="told-bad">
              <p>{task().error?.message}</p>
              <Show when={task().error?.hint}>{(hint) => <p class="hint">Try: {hint()}</p>}</Show>
            </div>
          )}
        </Match>
      </Switch>
    </div>
  );
}
