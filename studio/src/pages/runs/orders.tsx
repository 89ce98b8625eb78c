import { createSignal, For, type JSX, Show } from "solid-js";
import type { RunOrder, RunSummary } from "../../../../src/studio/training.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { NumberField } from "../../components/field.tsx";
import { notify, tellError } from "../../components/notices.tsx";

const words: Readonly<Record<RunOrder, { title: string; about: string }>> = {
  pause: { title: "Pause", about: "write a checkpoint after this step and stop; it can go on later" },
  finish: { title: "Stop here", about: "end the training after this step, with the final evaluation and the card" },
  resume: { title: "Resume", about: "go on exactly where the last checkpoint stands" },
  cancel: { title: "Take back", about: "do not begin this training" },
  remove: { title: "Remove…", about: "delete the run's folder" },
};

/** The buttons for what a run can be told now. */
export function Orders(props: { run: RunSummary; onRemoved?: (() => void) | undefined }): JSX.Element {
  const [busy, setBusy] = createSignal(false);
  const [open, setOpen] = createSignal<"remove" | "longer">();
  const send = async (order: RunOrder, body?: object) => {
    setBusy(true);
    try {
      const path = `/api/runs/${encodeURIComponent(props.run.name)}`;
      if (order === "remove") await api.delete(path);
      else await api.post(`${path}/${order}`, body);
      setOpen(undefined);
      if (order === "remove" || order === "cancel") props.onRemoved?.();
    } catch (error) {
      tellError(error);
    } finally {
      setBusy(false);
    }
  };
  const click = (order: RunOrder) => {
    if (order === "remove") setOpen("remove");
    else if (order === "resume" && props.run.state === "finished") setOpen("longer");
    else void send(order);
  };
  const look = (order: RunOrder) => {
    if (order === "remove") return "danger";
    return order === "pause" || (order === "resume" && props.run.state !== "finished") ? "primary" : "plain";
  };
  const title = (order: RunOrder) => (order === "resume" && props.run.state === "finished" ? "Train longer…" : words[order].title);
  return (
    <div class="row orders">
      <For each={props.run.can}>
        {(order) => (
          <Button
            look={look(order)}
            disabled={busy() || props.run.asked !== undefined}
            title={words[order].about}
            onClick={() => click(order)}
          >
            {title(order)}
          </Button>
        )}
      </For>
      <Dialog open={open() === "remove"} title={`Remove ${props.run.name}?`} onClose={() => setOpen(undefined)}>
        <p>Its checkpoints, samples and metrics are deleted from the disk. This cannot be undone.</p>
        <div class="row dialog-buttons">
          <Button onClick={() => setOpen(undefined)}>Keep it</Button>
          <Button look="danger" disabled={busy()} onClick={() => void send("remove")}>
            Remove it
          </Button>
        </div>
      </Dialog>
      <Show when={open() === "longer"}>
        <Longer run={props.run} busy={busy()} onClose={() => setOpen(undefined)} onSteps={(steps) => void send("resume", { steps })} />
      </Show>
    </div>
  );
}

function Longer(props: { run: RunSummary; busy: boolean; onClose: () => void; onSteps: (steps: number) => void }): JSX.Element {
  const least = () => Math.max(props.run.step, props.run.totalSteps ?? 0) + 1;
  const [steps, setSteps] = createSignal(2 * Math.max(props.run.step, props.run.totalSteps ?? 0));
  const wrong = () =>
    Number.isInteger(steps()) && steps() >= least() ? undefined : `a whole number of at least ${least().toLocaleString("en")}`;
  const start = () => {
    if (wrong() === undefined) props.onSteps(steps());
    else notify({ kind: "error", text: `Steps in all: ${wrong()}` });
  };
  return (
    <Dialog open title={`Train ${props.run.name} longer`} onClose={props.onClose}>
      <NumberField
        label="Steps in all"
        value={steps()}
        onValue={setSteps}
        error={wrong()}
        hint="the training goes on from its last checkpoint"
      />
      <div class="row dialog-buttons">
        <Button onClick={props.onClose}>Leave it</Button>
        <Button look="primary" disabled={props.busy} onClick={start}>
          Train on
        </Button>
      </div>
    </Dialog>
  );
}
