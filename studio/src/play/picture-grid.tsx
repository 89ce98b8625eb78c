import { createEffect, type JSX } from "solid-js";
import { columnsOf, type PictureRows, paintGrid } from "./pixels.ts";

export interface PictureGridProps {
  readonly pictures: PictureRows | undefined;
  /** What there is to see, for those who do not; "" for a ground that says nothing. */
  readonly label: string;
  readonly columns?: number | undefined;
  readonly class?: string | undefined;
  readonly ref?: ((canvas: HTMLCanvasElement) => void) | undefined;
}

/** Pictures that a model made, as a grid of sharp pixels. */
export function PictureGrid(props: PictureGridProps): JSX.Element {
  let canvas!: HTMLCanvasElement;
  createEffect(() => {
    const { pictures } = props;
    if (pictures !== undefined) paintGrid(canvas, pictures, props.columns ?? columnsOf(pictures.shape[0]));
  });
  return (
    <canvas
      ref={(element) => {
        canvas = element;
        props.ref?.(element);
      }}
      role={props.label === "" ? "presentation" : "img"}
      aria-label={props.label || undefined}
      class={`play-grid pixelated ${props.class ?? ""}`}
      width={1}
      height={1}
    />
  );
}
