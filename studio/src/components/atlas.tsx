import type { JSX } from "solid-js";

export interface AtlasCellProps {
  /** Address of a picture that holds many of one size, row after row without gaps. */
  readonly src: string;
  /** Pictures in a row of it, and rows. */
  readonly columns: number;
  readonly rows: number;
  /** Which one. */
  readonly index: number;
  /** Size on the page, in CSS pixels. */
  readonly width: number;
  readonly height: number;
  /** What there is to see. */
  readonly alt: string;
}

/** One picture out of an atlas, sharp at any size: many pictures for one request. */
export function AtlasCell(props: AtlasCellProps): JSX.Element {
  return (
    <span
      class="atlas-cell pixelated"
      role="img"
      aria-label={props.alt}
      style={{
        width: `${props.width}px`,
        height: `${props.height}px`,
        "background-image": `url("${props.src}")`,
        "background-size": `${props.width * props.columns}px ${props.height * props.rows}px`,
        "background-position": `${-props.width * (props.index % props.columns)}px ${-props.height * Math.floor(props.index / props.columns)}px`,
      }}
    />
  );
}

/** A whole number of page pixels for each of a picture's, so that `side` is about reached. */
export function shownSize(width: number, height: number, side: number): { width: number; height: number } {
  const scale = Math.max(1, Math.round(side / Math.max(width, height)));
  return { width: width * scale, height: height * scale };
}
