import { createSignal, For, type JSX, Show } from "solid-js";
import type { GenerateInfo, PairsTold } from "../../../../src/studio/generate.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { TextField } from "../../components/field.tsx";
import { tellError } from "../../components/notices.tsx";
import { generatePath } from "./follow.ts";
import { type Chosen, SamplingForm } from "./sampling-form.tsx";
import { WeightMap, weightsOf } from "./weights.tsx";

/** What a text becomes: a translation, or how it sounds. */
export function Pairs(props: { info: GenerateInfo }): JSX.Element {
  const [text, setText] = createSignal("");
  const [chosen, setChosen] = createSignal<Chosen>({});
  const [told, setTold] = createSignal<PairsTold | undefined>();
  const [busy, setBusy] = createSignal(false);
  const write = async () => {
    setBusy(true);
    try {
      const sampling = Object.keys(chosen()).length === 0 ? {} : { sampling: chosen() };
      setTold(await api.post<PairsTold>(generatePath(props.info.name, "pairs"), { text: text(), ...sampling }));
    } catch (error) {
      tellError(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="generate">
      <form
        class="generate-form stack"
        onSubmit={(event) => {
          event.preventDefault();
          void write();
        }}
      >
        <TextField label="Text" value={text()} onValue={setText} live />
        <SamplingForm fields={props.info.sampling} chosen={chosen()} onChosen={setChosen} />
        <div class="row">
          <Button type="submit" look="primary" disabled={busy() || text() === ""}>
            Write
          </Button>
          <span class="hint" role="status">
            {busy() ? "Writing …" : ""}
          </span>
        </div>
      </form>
      <Show when={told()} fallback={<p class="hint">What the text becomes appears here, the likeliest first.</p>} keyed>
        {(found) => <Found told={found} />}
      </Show>
    </div>
  );
}

function Found(props: { told: PairsTold }): JSX.Element {
  const cell = (columns: number) => Math.max(12, Math.min(28, Math.floor(480 / columns)));
  return (
    <section class="stack" aria-label="What it becomes">
      <ol class="ranked">
        <For each={props.told.texts}>
          {({ text, logProbability, finished }) => (
            <li>
              <span class="ranked-text">{text === "" ? "(nothing)" : text}</span>{" "}
              <span class="hint">
                log probability {logProbability.toFixed(2)}
                {finished ? "" : ", cut"}
              </span>
            </li>
          )}
        </For>
      </ol>
      <For each={props.told.notes}>{(note) => <p class="hint">{note}</p>}</For>
      <Show when={props.told.alignment}>
        {(map) => (
          <figure class="alignment">
            <figcaption class="hint">Where it looked in the text (columns) while it wrote (rows)</figcaption>
            <div class="labelled-map" style={{ "--cell": `${cell(map().source.length)}px` }}>
              <ol class="map-rows" aria-hidden="true">
                <For each={map().target}>{(token) => <li>{token}</li>}</For>
              </ol>
              <div>
                <ol class="map-columns" aria-hidden="true">
                  <For each={map().source}>{(token) => <li>{token}</li>}</For>
                </ol>
                <WeightMap
                  weights={weightsOf(map().weights)}
                  columns={map().source.length}
                  cell={cell(map().source.length)}
                  label={`Alignment of ${map().target.join(" ")} with ${map().source.join(" ")}`}
                />
              </div>
            </div>
          </figure>
        )}
      </Show>
    </section>
  );
}
