import { createSignal, For, type JSX, Show } from "solid-js";
import type { AttentionTold, GenerateInfo } from "../../../../src/studio/generate.ts";
import { api } from "../../api.ts";
import { tellError } from "../../components/notices.tsx";
import { generatePath } from "./follow.ts";
import { TextForm } from "./text-form.tsx";
import { TokenLine } from "./token-line.tsx";
import { percent } from "./token-text.tsx";
import { WeightMap, weightsOf } from "./weights.tsx";

interface Maps {
  readonly tokens: readonly string[];
  readonly layers: readonly (readonly Float32Array[])[];
}

/** Where the tokens of a text look in a Transformer: all heads of all layers small, one of them large. */
export function Attention(props: { info: GenerateInfo }): JSX.Element {
  const [text, setText] = createSignal("");
  const [maps, setMaps] = createSignal<Maps | undefined>();
  const [busy, setBusy] = createSignal(false);
  const look = async () => {
    setBusy(true);
    try {
      const { tokens, layers } = await api.post<AttentionTold>(generatePath(props.info.name, "attention"), { text: text() });
      setMaps({ tokens, layers: layers.map((heads) => heads.map(weightsOf)) });
    } catch (error) {
      tellError(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="stack">
      <TextForm text={text()} hint="at most 64 tokens" button="Look" busy={busy()} onText={setText} onSubmit={() => void look()} />
      <Show when={maps()} fallback={<p class="hint">{busy() ? "Looking …" : "Type a text to see where each token looks."}</p>} keyed>
        {(found) => <Heads maps={found} />}
      </Show>
    </div>
  );
}

function Heads(props: { maps: Maps }): JSX.Element {
  const [chosen, setChosen] = createSignal<readonly [layer: number, head: number]>([0, 0]);
  const size = props.maps.tokens.length;
  const name = ([layer, head]: readonly [number, number]) => `Layer ${layer + 1}, head ${head + 1}`;
  return (
    <div class="attention">
      <div class="heads" style={{ "--heads": props.maps.layers[0]?.length ?? 1 }}>
        <For each={props.maps.layers}>
          {(heads, layer) => (
            <For each={heads}>
              {(weights, head) => (
                <button
                  type="button"
                  class="cell"
                  aria-label={name([layer(), head()])}
                  aria-pressed={chosen()[0] === layer() && chosen()[1] === head()}
                  onClick={() => setChosen([layer(), head()])}
                >
                  <WeightMap weights={weights} columns={size} cell={Math.max(1, Math.floor(72 / size))} />
                </button>
              )}
            </For>
          )}
        </For>
      </div>
      <OneHead tokens={props.maps.tokens} weights={props.maps.layers[chosen()[0]][chosen()[1]]} name={name(chosen())} />
    </div>
  );
}

function OneHead(props: { tokens: readonly string[]; weights: Float32Array; name: string }): JSX.Element {
  const size = () => props.tokens.length;
  const [token, setToken] = createSignal(size() - 1);
  const row = () => props.weights.subarray(token() * size(), (token() + 1) * size());
  const most = () =>
    [...row().keys()]
      .sort((a, b) => row()[b] - row()[a])
      .filter((other) => row()[other] >= 0.001)
      .slice(0, 4);
  return (
    <section class="one-head stack" aria-label={props.name}>
      <h2>{props.name}</h2>
      <TokenLine label="Choose a token to see where it looks" tokens={props.tokens} chosen={token()} onChosen={setToken} weights={row()} />
      <p aria-live="polite">
        <strong>{props.tokens[token()]}</strong> looks at{" "}
        <For each={most()}>
          {(other, i) => (
            <>
              {i() > 0 ? ", " : ""}
              <strong>{props.tokens[other]}</strong> {percent(row()[other])}
            </>
          )}
        </For>
        .
      </p>
      <div class="labelled-map" style={{ "--cell": `${cellOf(size())}px` }}>
        <ol class="map-rows" aria-hidden="true">
          <For each={props.tokens}>{(text) => <li>{text}</li>}</For>
        </ol>
        <div>
          <ol class="map-columns" aria-hidden="true">
            <For each={props.tokens}>{(text) => <li>{text}</li>}</For>
          </ol>
          <WeightMap
            weights={props.weights}
            columns={size()}
            cell={cellOf(size())}
            row={token()}
            label={`${props.name}: each row is a token, and looks at the columns`}
          />
        </div>
      </div>
    </section>
  );
}

function cellOf(size: number): number {
  return Math.max(9, Math.min(26, Math.floor(520 / size)));
}
