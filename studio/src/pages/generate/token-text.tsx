import { createSignal, For, type JSX, Show } from "solid-js";
import type { TokenTold } from "../../../../src/studio/generate.ts";

export interface TokenTextProps {
  readonly prompt: string;
  readonly tokens: readonly TokenTold[];
  readonly busy: boolean;
  /** Take another token in the place of one, and go on from there. */
  readonly onInstead: (index: number, id: number) => void;
}

/** A token as people can read it: blanks and line ends have signs. */
export function readable(text: string): string {
  return text === "" ? "∅" : text.replaceAll("\n", "↵").replaceAll("\t", "⇥").replace(/^ | $/g, "␣");
}

/** 0.123 as "12 %"; small ones with more digits. */
export function percent(probability: number): string {
  const value = 100 * probability;
  return `${value >= 10 || value === 0 ? value.toFixed(0) : value >= 0.1 ? value.toFixed(1) : "< 0.1"} %`;
}

/**
 * A text whose tokens show how likely they were: the less, the stronger their colour. The pointer on a token, or the arrow keys, tell what else could have
 * stood there.
 */
export function TokenText(props: TokenTextProps): JSX.Element {
  const [looked, setLooked] = createSignal<number | undefined>();
  const [pinned, setPinned] = createSignal(false);
  let list!: HTMLDivElement;
  const focusable = () => looked() ?? 0;
  const look = (index: number | undefined, pin = false) => {
    if (pinned() && !pin) return;
    setLooked(index);
    setPinned(pin);
  };
  const press = (event: KeyboardEvent) => {
    const moves: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, Home: Number.NEGATIVE_INFINITY, End: Number.POSITIVE_INFINITY };
    const by = moves[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = Math.min(props.tokens.length - 1, Math.max(0, focusable() + by));
    look(next, true);
    list.querySelectorAll<HTMLElement>(".token")[next]?.focus();
  };
  return (
    <div class="written">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the keys move between the tokens, which are buttons */}
      <div class="token-text" ref={list} onKeyDown={press} data-busy={props.busy}>
        <span class="prompt">{props.prompt}</span>
        <For each={props.tokens}>
          {(token, i) => (
            // biome-ignore lint/a11y/useSemanticElements: a button is a box, which neither breaks lines nor keeps blanks at its ends
            // biome-ignore lint/a11y/useFocusableInteractive: one of them can be reached by Tab, the others by the arrow keys
            <span
              role="button"
              class="token"
              tabindex={i() === focusable() ? 0 : -1}
              aria-pressed={looked() === i()}
              aria-label={`${readable(token.text)}, ${percent(token.probability)}`}
              style={{ "--surprise": `${Math.round(38 * (1 - token.probability))}%` }}
              onPointerEnter={(event) => event.pointerType === "mouse" && look(i())}
              onFocus={() => look(i(), true)}
              onClick={() => look(i(), true)}
              onKeyDown={(event) => (event.key === "Enter" || event.key === " ") && look(i(), true)}
            >
              {token.text}
            </span>
          )}
        </For>
      </div>
      <Show when={looked() !== undefined && props.tokens[looked()!]}>
        {(token) => (
          <Alternatives
            token={token()}
            disabled={props.busy}
            onInstead={(id) => {
              const index = looked()!;
              look(undefined, true);
              setPinned(false);
              props.onInstead(index, id);
            }}
          />
        )}
      </Show>
    </div>
  );
}

/** What else could have stood there. */
function Alternatives(props: { token: TokenTold; disabled: boolean; onInstead: (id: number) => void }): JSX.Element {
  return (
    <section class="alternatives" aria-label="What else could have stood there">
      <p>
        <strong>{readable(props.token.text)}</strong> had {percent(props.token.probability)}. Choose another to go on from there:
      </p>
      <ul>
        <For each={props.token.top}>
          {({ id, text, probability }) => (
            <li>
              <button
                type="button"
                class="alternative"
                aria-current={id === props.token.id ? "true" : undefined}
                disabled={props.disabled || id === props.token.id}
                style={{ "--share": `${Math.max(1, 100 * probability)}%` }}
                onClick={() => props.onInstead(id)}
              >
                <span>{readable(text)}</span> <span class="number">{percent(probability)}</span>
              </button>
            </li>
          )}
        </For>
      </ul>
    </section>
  );
}
