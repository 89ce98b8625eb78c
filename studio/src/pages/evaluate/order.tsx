import { createSignal, type JSX, Show } from "solid-js";
import type { EvaluationOrder, RunEvaluations } from "../../../../src/studio/evaluation.ts";
import type { Task } from "../../../../src/studio/tasks.ts";
import { api } from "../../api.ts";
import { Card } from "../../components/card.tsx";
import { CheckField, NumberField, SelectField, TextField } from "../../components/field.tsx";
import type { TaskWatch } from "../../task.ts";
import { evaluationsPath } from "./run.tsx";

const MOST_SAMPLES = 50_000;

/** How a run is to be evaluated. */
export function OrderForm(props: { about: RunEvaluations; watch: TaskWatch }): JSX.Element {
  const [order, setOrder] = createSignal<EvaluationOrder>({
    samples: 1000,
    // Without features of the data it is the user who says by which.
    distances: props.about.distances.possible && (props.about.features.choices.length === 0 || props.about.features.standard !== undefined),
    features: props.about.features.standard ?? props.about.features.choices[0],
    seed: "0",
  });
  const change = (changes: Partial<EvaluationOrder>) => setOrder({ ...order(), ...changes });
  const wrongSamples = () => {
    const { samples } = order();
    return Number.isInteger(samples) && samples >= 6 && samples <= MOST_SAMPLES ? undefined : `a whole number, 6 to ${MOST_SAMPLES}`;
  };
  const wrongLimit = () => {
    const { limit } = order();
    return limit === undefined || (Number.isInteger(limit) && limit >= 1) ? undefined : "a whole number from 1 on, or nothing";
  };
  const good = () => wrongSamples() === undefined && wrongLimit() === undefined && props.about.ready;
  const asked = (): EvaluationOrder => ({ ...order(), features: order().distances ? order().features : undefined });
  const start = (event: SubmitEvent) => {
    event.preventDefault();
    if (good()) void props.watch.begin(api.post<Task>(evaluationsPath(props.about.run), asked()));
  };
  return (
    <Card title="Evaluate it">
      <form class="stack" onSubmit={start}>
        <div class="controls">
          <CheckField
            label="hold samples against the data"
            value={order().distances}
            disabled={!props.about.distances.possible}
            onValue={(distances) => change({ distances })}
          />
          <Show when={order().distances}>
            <NumberField
              label="Samples"
              error={wrongSamples()}
              value={order().samples}
              onValue={(samples) => change({ samples })}
              min={6}
              max={MOST_SAMPLES}
              step={1}
            />
            <Show when={props.about.features.choices.length > 0}>
              <SelectField
                label="By the features of"
                value={order().features ?? ""}
                onValue={(features) => change({ features })}
                options={props.about.features.choices}
              />
            </Show>
          </Show>
          <NumberField
            label="Examples of each split"
            hint="nothing: all of them"
            error={wrongLimit()}
            value={order().limit ?? Number.NaN}
            onValue={(limit) => change({ limit: Number.isNaN(limit) ? undefined : limit })}
            min={1}
            step={1}
          />
          <TextField label="Seed" value={order().seed} onValue={(seed) => change({ seed })} />
        </div>
        <Show when={order().distances && order().features !== props.about.features.standard}>
          <p class="hint">Features that were learnt from other pictures than the run's: distances tell less.</p>
        </Show>
        <Show when={props.about.distances.because}>{(because) => <p class="hint">{because()}</p>}</Show>
        <Show when={!props.about.ready}>
          <p class="hint">It has no checkpoint yet: there is nothing to evaluate.</p>
        </Show>
        <div class="row">
          <button type="submit" class="button primary" disabled={!good()}>
            Evaluate
          </button>
          <span class="hint">Fewer samples are quicker, and leave larger errors. It goes on when you leave the page.</span>
        </div>
      </form>
    </Card>
  );
}
