import { type JSX, Show } from "solid-js";

export interface CardProps {
  readonly title?: JSX.Element;
  /** Level of the title's heading. Default 2. */
  readonly level?: 2 | 3 | 4;
  /** Beside the title: buttons, a state. */
  readonly aside?: JSX.Element;
  readonly class?: string;
  readonly children: JSX.Element;
}

/** A part of a page with a frame. */
export function Card(props: CardProps): JSX.Element {
  const heading = () => (props.level === 4 ? <h4>{props.title}</h4> : props.level === 3 ? <h3>{props.title}</h3> : <h2>{props.title}</h2>);
  return (
    <section class={`card ${props.class ?? ""}`}>
      <Show when={props.title !== undefined}>
        <div class="card-head">
          {heading()}
          {props.aside}
        </div>
      </Show>
      {props.children}
    </section>
  );
}
