import { createSignal, For, type JSX, Show } from "solid-js";
import type { WrittenToken } from "../../../src/play/model.ts";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { Field, NumberField, RangeField } from "../components/field.tsx";
import type { Play } from "./extras.ts";
import { createTask } from "./task.ts";

/** A text that goes on as the model would have it. */
export function Write(props: { play: Play }): JSX.Element {
  const { client } = props.play;
  const [prompt, setPrompt] = createSignal("");
  const [tokens, setTokens] = createSignal(120);
  const [temperature, setTemperature] = createSignal(0.8);
  const [topP, setTopP] = createSignal(0.95);
  const [seed, setSeed] = createSignal(0);
  const [begun, setBegun] = createSignal("");
  const [written, setWritten] = createSignal<readonly WrittenToken[]>([]);
  const task = createTask();
  const write = (from: string): void =>
    task.run(async (signal) => {
      setBegun(from);
      setWritten([]);
      const sampling = { temperature: temperature(), topP: topP(), seed: seed() };
      const onEvent = (token: WrittenToken) => setWritten([...written(), token]);
      await client.call("write", { prompt: from, maxTokens: tokens(), sampling, alternatives: 5 }, { signal, onEvent });
    });
  const text = () =>
    begun() +
    written()
      .map((token) => token.text)
      .join("");
  return (
    <Card title="Writing">
      <Field label="How it begins" hint="with nothing, the model begins by itself">
        {(parts) => <textarea {...parts} rows={3} value={prompt()} onInput={(event) => setPrompt(event.currentTarget.value)} />}
      </Field>
      <div class="play-fields">
        <RangeField
          label="Temperature"
          hint="0 takes the likeliest token each time"
          value={temperature()}
          min={0}
          max={2}
          step={0.05}
          shown={(value) => value.toFixed(2)}
          onValue={setTemperature}
        />
        <RangeField
          label="Top-p"
          hint="draws from the likeliest tokens that have this share together"
          value={topP()}
          min={0.05}
          max={1}
          step={0.05}
          shown={(value) => value.toFixed(2)}
          onValue={setTopP}
        />
        <NumberField label="Tokens" value={tokens()} min={1} max={10_000} step={1} onValue={setTokens} />
        <NumberField label="Seed" value={seed()} min={0} step={1} onValue={setSeed} />
      </div>
      <div class="row play-actions">
        <Show when={!task.busy()} fallback={<Button onClick={task.stop}>Stop</Button>}>
          <Button look="primary" onClick={() => write(prompt())}>
            Write
          </Button>
          <Button
            onClick={() => {
              setSeed(seed() + 1);
              write(prompt());
            }}
          >
            Next seed
          </Button>
          <Button disabled={written().length === 0} onClick={() => write(text())}>
            Go on
          </Button>
        </Show>
      </div>
      <p class="hint" role="status">
        {task.busy() ? `${written().length} tokens …` : task.told()}
      </p>
      <Show when={begun() !== "" || written().length > 0}>
        <Tokens begun={begun()} written={written()} />
      </Show>
    </Card>
  );
}

/** What was written; a token that is pointed at, or reached with the arrow keys, shows what else could have stood there. */
function Tokens(props: { begun: string; written: readonly WrittenToken[] }): JSX.Element {
  const [at, setAt] = createSignal<number>();
  const token = () => (at() === undefined ? undefined : props.written[at()!]);
  const onKey = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    setAt(Math.min(props.written.length - 1, Math.max(0, (at() ?? -step) + step)));
  };
  return (
    <>
      {/* biome-ignore lint/a11y/useSemanticElements: a text whose parts are walked through, which no element is made for */}
      <div class="play-text" role="group" aria-label="What was written; arrow keys go from token to token" tabindex={0} onKeyDown={onKey}>
        <span class="soft">{props.begun}</span>
        <For each={props.written}>
          {({ text }, i) => (
            <span class={at() === i() ? "token chosen" : "token"} onPointerEnter={() => setAt(i())}>
              {text}
            </span>
          )}
        </For>
      </div>
      <div class="play-alternatives" aria-live="polite">
        <Show
          when={token()?.alternatives}
          fallback={<p class="hint">Point at a token, or go to it with the arrow keys: what else could have stood there.</p>}
        >
          {(alternatives) => (
            <ol>
              <For each={alternatives()}>
                {({ token: name, probability }) => (
                  <li>
                    <code>{JSON.stringify(name)}</code>
                    <span class="bar" style={{ width: `${(100 * probability).toFixed(1)}%` }} />
                    <span class="number">{(100 * probability).toFixed(1)}%</span>
                  </li>
                )}
              </For>
            </ol>
          )}
        </Show>
      </div>
    </>
  );
}

/** One text made from another. */
export function Translate(props: { play: Play }): JSX.Element {
  const [source, setSource] = createSignal("");
  const [targets, setTargets] = createSignal<readonly string[]>([]);
  const task = createTask();
  return (
    <Card title="One text from another">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          task.run(async (signal) => void setTargets(await props.play.client.call("translate", { source: source() }, { signal })));
        }}
      >
        <Field label="What is given">
          {(parts) => <input {...parts} type="text" value={source()} onInput={(event) => setSource(event.currentTarget.value)} />}
        </Field>
        <div class="row">
          <Button type="submit" look="primary" disabled={task.busy() || source() === ""}>
            Write
          </Button>
        </div>
      </form>
      <p class="hint" role="status">
        {task.busy() ? "writing …" : task.told()}
      </p>
      <ol class="play-targets" aria-label="What the model writes, the best first">
        <For each={targets()}>{(target) => <li>{target}</li>}</For>
      </ol>
    </Card>
  );
}
