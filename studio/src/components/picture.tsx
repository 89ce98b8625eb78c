import { createSignal, type JSX, Show } from "solid-js";

export interface PictureProps {
  readonly src: string;
  /** What there is to see; "" for one that says nothing. */
  readonly alt: string;
  /** Whether its pixels stay squares when it is enlarged. Default true: what models paint is small. */
  readonly pixelated?: boolean;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  readonly caption?: JSX.Element;
  readonly lazy?: boolean;
  readonly class?: string;
}

/** A picture, sharp at any size; says so where it cannot be loaded. */
export function Picture(props: PictureProps): JSX.Element {
  const [broken, setBroken] = createSignal(false);
  return (
    <figure class={`picture ${props.class ?? ""}`}>
      <Show when={!broken()} fallback={<p class="hint">No picture: {props.alt || props.src}</p>}>
        <img
          src={props.src}
          alt={props.alt}
          width={props.width}
          height={props.height}
          loading={props.lazy === false ? "eager" : "lazy"}
          class={props.pixelated === false ? "" : "pixelated"}
          onError={() => setBroken(true)}
        />
      </Show>
      <Show when={props.caption}>
        <figcaption>{props.caption}</figcaption>
      </Show>
    </figure>
  );
}
