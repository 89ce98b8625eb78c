import { type JSX, Show } from "solid-js";
import type { RunState, RunSummary, Trouble } from "../../../../src/studio/training.ts";
import { Progress } from "../../components/progress.tsx";
import { duration } from "../../numbers.ts";

const looks: Readonly<Record<RunState, string>> = {
  waiting: "",
  starting: "accent",
  training: "accent",
  paused: "warn",
  finished: "good",
  failed: "bad",
  killed: "bad",
  broken: "bad",
};

/** A run's state in a word. */
export function StateTag(props: { run: Pick<RunSummary, "state" | "asked"> }): JSX.Element {
  const text = () => (props.run.asked === "pause" ? "pausing" : props.run.asked === "finish" ? "finishing" : props.run.state);
  return <span class={`tag ${looks[props.run.state]}`}>{text()}</span>;
}

/** How far a run is; nothing for one that has not begun. */
export function StepProgress(props: { run: RunSummary }): JSX.Element {
  const left = () => {
    const { step, totalSteps, stepSeconds, state } = props.run;
    return state === "training" && totalSteps !== null && stepSeconds !== null ? (totalSteps - step) * stepSeconds : undefined;
  };
  const text = () => {
    const { step, totalSteps } = props.run;
    const steps =
      totalSteps === null
        ? `step ${step.toLocaleString("en")}`
        : `${step.toLocaleString("en")} of ${totalSteps.toLocaleString("en")} steps`;
    return left() === undefined ? steps : `${steps}, ${duration(left())} left`;
  };
  const value = () => (props.run.totalSteps === null ? undefined : Math.min(1, props.run.step / Math.max(1, props.run.totalSteps)));
  // A bar that moves to and fro is only for what is at work.
  const bar = () => props.run.state === "training" || (value() !== undefined && props.run.state !== "finished");
  return (
    <Show when={props.run.step > 0 || props.run.state === "training"}>
      <Show when={bar()} fallback={<p class="soft">{text()}</p>}>
        <Progress label={`Steps of ${props.run.name}`} value={value()} text={text()} />
      </Show>
    </Show>
  );
}

/** What went wrong, with what is left and what to do. */
export function TroubleNote(props: { trouble: Trouble }): JSX.Element {
  return (
    <div class="trouble" role="alert">
      <p>
        <strong>{props.trouble.what}</strong>
      </p>
      <Show when={props.trouble.where}>{(where) => <p class="soft">Where: {where()}</p>}</Show>
      <Show when={props.trouble.got}>{(got) => <p>{got()}</p>}</Show>
      <Show when={props.trouble.hint}>{(hint) => <p class="soft">Try: {hint()}</p>}</Show>
    </div>
  );
}
