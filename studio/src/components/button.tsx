import { type JSX, Show, splitProps } from "solid-js";

export interface ButtonProps extends JSX.ButtonHTMLAttributes<HTMLButtonElement> {
  /** `primary` for the one thing that a place is for, `danger` for what cannot be taken back. */
  readonly look?: "primary" | "plain" | "danger";
  /** An address: the button is a link then. */
  readonly href?: string | undefined;
}

/** A button, or a link that looks like one. */
export function Button(props: ButtonProps): JSX.Element {
  const [own, rest] = splitProps(props, ["look", "href", "children", "class"]);
  const classes = () => `button ${own.look ?? "plain"} ${own.class ?? ""}`;
  return (
    <Show
      when={own.href}
      fallback={
        <button type="button" {...rest} class={classes()}>
          {own.children}
        </button>
      }
    >
      {(href) => (
        <a class={classes()} href={href()} aria-label={rest["aria-label"]} title={rest.title}>
          {own.children}
        </a>
      )}
    </Show>
  );
}
