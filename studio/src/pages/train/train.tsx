import { createEffect, createMemo, createSignal, For, type JSX, Show } from "solid-js";
import type { FormField, ModelForm } from "../../../../src/studio/forms.ts";
import { api } from "../../api.ts";
import "../../styles/training.css";
import { Button } from "../../components/button.tsx";
import { Card } from "../../components/card.tsx";
import { NumberField, SelectField, TextField } from "../../components/field.tsx";
import { Loading } from "../../components/loading.tsx";
import { tellError } from "../../components/notices.tsx";
import { SettingForm } from "../../components/setting-form.tsx";
import type { PageProps } from "../../pages.ts";
import { address, go } from "../../route.ts";
import { type Choices, fittingData, trainingChoices } from "./choices.ts";
import { ForecastCard, outlookOf } from "./forecast.tsx";

/** A new training: model, preset, data and settings; what it will take; the start. `?model=`, `?preset=` and `?data=` choose, `?from=RUN` copies a run's. */
export default function Train(props: PageProps): JSX.Element {
  const choices = trainingChoices(props.query);
  const outlook = outlookOf(choices.request);
  const [starting, setStarting] = createSignal(false);
  const problems = createMemo<Record<string, string>>(() => {
    const now = outlook();
    const told = [...(now.state === "wrong" ? now.problems : []), ...choices.chosen().problems];
    return Object.fromEntries(told.map(({ key, message }) => [key, message]));
  });
  const start = async () => {
    setStarting(true);
    try {
      const { run } = await api.post<{ run: string }>("/api/training", choices.request());
      go(address("runs", [run]));
    } catch (error) {
      tellError(error);
    } finally {
      setStarting(false);
    }
  };
  return (
    <>
      <div class="page-head">
        <h1>Train</h1>
        <p>The training runs in a process of its own: close this page, and it goes on.</p>
      </div>
      <Show when={choices.form.latest} fallback={<Loading what="the settings" />}>
        {(form) => (
          <form
            class="train-columns"
            onSubmit={(event) => {
              event.preventDefault();
              void start();
            }}
          >
            <div class="stack">
              <What choices={choices} form={form()} />
              <Settings choices={choices} form={form()} problems={problems()} />
            </div>
            <div class="stack beside">
              <Button type="submit" look="primary" disabled={starting() || Object.keys(problems()).length > 0}>
                {starting() ? "Starting…" : "Start training"}
              </Button>
              <ForecastCard outlook={outlook()} />
              <How choices={choices} />
            </div>
          </form>
        )}
      </Show>
    </>
  );
}

function What(props: { choices: Choices; form: ModelForm }): JSX.Element {
  const models = () =>
    (props.choices.offer.latest?.models ?? []).map(({ name, title, family }) => ({ value: name, label: `${title} (${family})` }));
  const data = () => fittingData(props.form, props.choices.sets.latest ?? []);
  const preset = () => props.choices.preset();
  const dataName = () => props.choices.data() ?? preset()?.data ?? "";
  const entry = () => data().find(({ name }) => name === dataName());
  const dataHint = () => {
    const found = entry();
    if (found === undefined) return undefined;
    const fetched =
      found.prepared || found.downloadBytes === undefined ? "" : ` It is fetched first: ${Math.round(found.downloadBytes / 1e6)} MB.`;
    return `${found.summary}${fetched}`;
  };
  return (
    <Card title="What">
      <div class="what">
        <SelectField label="Model" value={props.form.model} onValue={props.choices.choose} options={models()} hint={props.form.summary} />
        <SelectField
          label="Preset"
          value={preset()?.name ?? ""}
          onValue={props.choices.choosePreset}
          options={props.form.presets.map(({ name }) => name)}
          hint={preset()?.about}
        />
        <SelectField
          label="Data"
          value={dataName()}
          onValue={props.choices.setData}
          options={data().map(({ name, title, own }) => ({ value: name, label: own ? `${title} (your own)` : title }))}
          hint={dataHint()}
        />
      </div>
    </Card>
  );
}

/** What most people change first. */
const first: readonly string[] = ["epochs", "steps", "batch", "learningRate", "optimizer", "schedule"];
const stopping: readonly string[] = ["evaluateEvery", "patience", "stopMetric"];

function Settings(props: { choices: Choices; form: ModelForm; problems: Readonly<Record<string, string>> }): JSX.Element {
  const of = (wanted: (field: FormField) => boolean) => props.form.fields.filter(wanted);
  const metrics = createMemo(() => ({
    stopMetric: [
      { value: "", label: `${Object.keys(props.form.metrics)[0] ?? "the first"} (the first)` },
      ...Object.keys(props.form.metrics).map((name) => ({ value: name, label: name })),
    ],
  }));
  const groups = createMemo(() => [
    { title: "Training", open: true, fields: of(({ group, key }) => group === "training" && first.includes(key)) },
    { title: "Early stopping", open: false, fields: of(({ group, key }) => group === "training" && stopping.includes(key)) },
    { title: "Model", open: false, fields: of(({ group }) => group === "model") },
    {
      title: "More of the training",
      open: false,
      fields: of(({ group, key }) => group === "training" && ![...first, ...stopping].includes(key)),
    },
  ]);
  return (
    <Card title="Settings" aside={<span class="hint">changed: {Object.keys(props.choices.texts()).length}</span>}>
      <For each={groups()}>
        {({ title, open, fields }) => (
          <Group title={title} open={open} wrong={fields.some(({ key }) => props.problems[key] !== undefined)}>
            <SettingForm
              fields={fields}
              preset={props.choices.preset()?.values ?? {}}
              texts={props.choices.texts()}
              onText={props.choices.setText}
              problems={props.problems}
              choices={metrics()}
            />
          </Group>
        )}
      </For>
    </Card>
  );
}

/** Settings that can be folded away; what is wrong in them opens them. */
function Group(props: { title: string; open: boolean; wrong: boolean; children: JSX.Element }): JSX.Element {
  let details!: HTMLDetailsElement;
  createEffect(() => {
    if (props.wrong) details.open = true;
  });
  return (
    <details ref={details} class="setting-group" open={props.open}>
      <summary>{props.title}</summary>
      {props.children}
    </details>
  );
}

function How(props: { choices: Choices }): JSX.Element {
  const number = (value: number | undefined) => value ?? Number.NaN;
  const whole = (value: number) => (Number.isInteger(value) && value >= 1 ? value : undefined);
  return (
    <Card title="How">
      <div class="how">
        <TextField
          label="Name"
          value={props.choices.name()}
          onValue={props.choices.setName}
          placeholder={`${props.choices.model()}-001 and so on`}
          hint="of the run's folder"
        />
        <TextField label="Seed" value={props.choices.seed()} onValue={props.choices.setSeed} hint="the same seed gives the same run" />
        <NumberField
          label="Threads"
          value={number(props.choices.threads() ?? props.choices.offer.latest?.threads)}
          min={1}
          max={1024}
          step={1}
          onValue={(value) => props.choices.setThreads(whole(value))}
          hint="fewer leave more room to everything else"
        />
        <NumberField
          label="Only the first examples"
          value={number(props.choices.limit())}
          min={1}
          step={1}
          onValue={(value) => props.choices.setLimit(whole(value))}
          hint="empty: all of them"
        />
      </div>
      <Show when={props.choices.request()}>
        {(request) => (
          <pre class="command" title="The same on the command line">
            {commandLine(request())}
          </pre>
        )}
      </Show>
    </Card>
  );
}

function commandLine({ model, preset, data, settings, name, seed, limit }: NonNullable<ReturnType<Choices["request"]>>): string {
  const words = ["atelier train", model, `--preset ${preset}`];
  if (data !== undefined) words.push(`--data ${data}`);
  if (name !== undefined) words.push(`--run ${name}`);
  if (seed !== undefined && seed !== "0") words.push(`--seed ${seed}`);
  if (limit !== undefined) words.push(`--limit ${limit}`);
  for (const [key, value] of Object.entries(settings)) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    words.push(/^[\w.=-]*$/.test(text) ? `--set ${key}=${text}` : `--set '${key}=${text}'`);
  }
  return words.join(" ");
}
