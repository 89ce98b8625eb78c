import { createEffect, type JSX } from "solid-js";
import { base64ToBytes } from "../../../../src/studio/generate.ts";

/** Weights in [0, 1] of a map [rows, columns], as the server sent them. */
export function weightsOf(text: string): Float32Array {
  return Float32Array.from(new Uint16Array(base64ToBytes(text).buffer), (value) => value / 65_535);
}

export interface WeightMapProps {
  readonly weights: Float32Array;
  readonly columns: number;
  /** Pixels a cell. */
  readonly cell: number;
  readonly row?: number | undefined;
  readonly label?: string | undefined;
}

/** A map of weights: the darker a cell, the more its row looks at its column. */
export function WeightMap(props: WeightMapProps): JSX.Element {
  let canvas!: HTMLCanvasElement;
  createEffect(() => draw(canvas, props));
  const rows = () => props.weights.length / props.columns;
  return (
    <canvas
      ref={canvas}
      class="pixelated weight-map"
      width={props.columns}
      height={rows()}
      style={{ width: `${props.columns * props.cell}px`, height: `${rows() * props.cell}px` }}
      role={props.label === undefined ? undefined : "img"}
      aria-label={props.label}
      aria-hidden={props.label === undefined ? "true" : undefined}
    />
  );
}

function draw(canvas: HTMLCanvasElement, { weights, columns, row }: WeightMapProps): void {
  const context = canvas.getContext("2d");
  const rows = weights.length / columns;
  if (context === null || rows < 1) return;
  const image = context.createImageData(columns, rows);
  for (let i = 0; i < weights.length; i++) {
    // The root brings out what is faint; cells are see-through, so that the ground shows in light and dark.
    const strength = Math.round(255 * Math.sqrt(weights[i]));
    const chosen = row === undefined || Math.floor(i / columns) === row;
    image.data.set([214, 92, 40, chosen ? strength : Math.round(strength / 2)], 4 * i);
  }
  context.putImageData(image, 0, 0);
}
