import { For, type JSX } from "solid-js";

/** Names and what is to be said of each. */
export function Facts(props: { facts: readonly (readonly [name: string, fact: JSX.Element])[] }): JSX.Element {
  return (
    <dl class="facts">
      <For each={props.facts}>
        {([name, fact]) => (
          <>
            <dt>{name}</dt>
            <dd>{fact}</dd>
          </>
        )}
      </For>
    </dl>
  );
}
