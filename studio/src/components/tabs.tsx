import { For, type JSX } from "solid-js";

export interface TabsProps {
  /** What is chosen between: "Views of the run". */
  readonly label: string;
  readonly tabs: readonly { readonly key: string; readonly title: string; readonly href: string }[];
  readonly current: string;
}

/** Parts of a page, each with an address of its own. */
export function Tabs(props: TabsProps): JSX.Element {
  return (
    <nav class="tabs" aria-label={props.label}>
      <ul>
        <For each={props.tabs}>
          {({ key, title, href }) => (
            <li>
              <a href={href} aria-current={props.current === key ? "page" : undefined}>
                {title}
              </a>
            </li>
          )}
        </For>
      </ul>
    </nav>
  );
}
