import { For, type JSX } from "solid-js";

export interface TokenLineProps {
  readonly label: string;
  readonly tokens: readonly string[];
  readonly chosen: number | undefined;
  readonly onChosen?: (index: number) => void;
  /** How strongly each is coloured, in [0, 1]. */
  readonly weights?: ArrayLike<number> | undefined;
}

/** Tokens in a row, one of which can be chosen, by pointer or arrow keys; coloured by weights. */
export function TokenLine(props: TokenLineProps): JSX.Element {
  let line!: HTMLDivElement;
  const press = (event: KeyboardEvent) => {
    const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (by === 0) return;
    event.preventDefault();
    const next = Math.min(props.tokens.length - 1, Math.max(0, (props.chosen ?? 0) + by));
    props.onChosen?.(next);
    line.querySelectorAll<HTMLElement>("button")[next]?.focus();
  };
  return (
    <div class="token-line" role="toolbar" aria-label={props.label} ref={line} onKeyDown={press}>
      <For each={props.tokens}>
        {(token, i) => (
          <button
            type="button"
            class="token"
            tabindex={i() === (props.chosen ?? 0) ? 0 : -1}
            aria-pressed={props.chosen === i()}
            style={{ "--surprise": `${Math.round(60 * Math.sqrt(props.weights?.[i()] ?? 0))}%` }}
            onClick={() => props.onChosen?.(i())}
          >
            {token}
          </button>
        )}
      </For>
    </div>
  );
}
