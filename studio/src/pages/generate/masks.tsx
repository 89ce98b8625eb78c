import { createSignal, For, type JSX } from "solid-js";
import type { GenerateInfo, MasksTold } from "../../../../src/studio/generate.ts";
import { api } from "../../api.ts";
import { tellError } from "../../components/notices.tsx";
import { generatePath } from "./follow.ts";
import { TextForm } from "./text-form.tsx";
import { percent } from "./token-text.tsx";

/** A text with hidden words, and what a model guesses stands there. */
export function Masks(props: { info: GenerateInfo }): JSX.Element {
  const [text, setText] = createSignal("the old [MASK] went to the sea");
  const [told, setTold] = createSignal<MasksTold | undefined>();
  const [busy, setBusy] = createSignal(false);
  const guess = async () => {
    setBusy(true);
    try {
      setTold(await api.post<MasksTold>(generatePath(props.info.name, "masks"), { text: text(), top: 8 }));
    } catch (error) {
      tellError(error);
    } finally {
      setBusy(false);
    }
  };
  const fill = (mask: number, token: string) => {
    let seen = 0;
    setText((now) => now.replace(/\[MASK\]/g, (hidden) => (seen++ === mask ? token : hidden)));
    setTold(undefined);
  };
  return (
    <div class="stack">
      <TextForm
        text={text()}
        hint="[MASK] where a word is to be guessed"
        button="Guess"
        busy={busy()}
        onText={setText}
        onSubmit={() => void guess()}
      />
      <p class="hint" role="status">
        {busy() ? "Guessing …" : told() === undefined ? "" : "Choose a guess to put it into the text."}
      </p>
      <div class="guesses">
        <For each={told()?.masks}>
          {(guesses, mask) => (
            <section class="alternatives" aria-label={`Mask ${mask() + 1}`}>
              <h2>Mask {mask() + 1}</h2>
              <ul>
                <For each={guesses}>
                  {({ token, probability }) => (
                    <li>
                      <button
                        type="button"
                        class="alternative"
                        style={{ "--share": `${Math.max(1, 100 * probability)}%` }}
                        onClick={() => fill(mask(), token)}
                      >
                        <span>{token}</span> <span class="number">{percent(probability)}</span>
                      </button>
                    </li>
                  )}
                </For>
              </ul>
            </section>
          )}
        </For>
      </div>
    </div>
  );
}
