import { createMemo, type JSX } from "solid-js";

export interface PadProps {
  /** What it chooses: "Place in the plane of codes". */
  readonly label: string;
  readonly x: number;
  readonly y: number;
  readonly range: { readonly x: readonly [number, number]; readonly y: readonly [number, number] };
  readonly onMove: (x: number, y: number) => void;
  /** What lies behind the point: a map, pictures at the corners. */
  readonly children?: JSX.Element;
  readonly class?: string | undefined;
}

/** Steps of the arrow keys, as a share of the range; with Shift, and without. */
const [COARSE, FINE] = [0.1, 0.02] as const;

/** A plane with a point that a pointer drags and arrow keys move; y grows upwards. */
export function Pad(props: PadProps): JSX.Element {
  let area!: HTMLDivElement;
  const share = (value: number, [low, high]: readonly [number, number]) => (value - low) / (high - low);
  const clamp = (value: number, [low, high]: readonly [number, number]) => Math.min(high, Math.max(low, value));
  const left = createMemo(() => `${100 * share(props.x, props.range.x)}%`);
  const top = createMemo(() => `${100 * (1 - share(props.y, props.range.y))}%`);
  const told = () => `${props.x.toFixed(2)} across, ${props.y.toFixed(2)} up`;
  const toPointer = (event: PointerEvent): void => {
    const box = area.getBoundingClientRect();
    const [lowX, highX] = props.range.x;
    const [lowY, highY] = props.range.y;
    const x = lowX + ((event.clientX - box.left) / box.width) * (highX - lowX);
    const y = highY - ((event.clientY - box.top) / box.height) * (highY - lowY);
    props.onMove(clamp(x, props.range.x), clamp(y, props.range.y));
  };
  const onKey = (event: KeyboardEvent): void => {
    const step = event.shiftKey ? COARSE : FINE;
    const moves: Record<string, readonly [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, 1],
      ArrowDown: [0, -1],
    };
    const { x: wide, y: high } = props.range;
    if (event.key === "Home") props.onMove((wide[0] + wide[1]) / 2, (high[0] + high[1]) / 2);
    const move = moves[event.key];
    if (move !== undefined) {
      const x = props.x + move[0] * step * (wide[1] - wide[0]);
      const y = props.y + move[1] * step * (high[1] - high[0]);
      props.onMove(clamp(x, wide), clamp(y, high));
    }
    if (move !== undefined || event.key === "Home") event.preventDefault();
  };
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: it is focusable, by Solid's name for the attribute
    <div
      ref={area}
      class={`play-pad ${props.class ?? ""}`}
      role="slider"
      tabindex={0}
      aria-label={`${props.label}: arrow keys move it, with Shift by more, Home to the middle`}
      aria-valuemin={props.range.x[0]}
      aria-valuemax={props.range.x[1]}
      aria-valuenow={props.x}
      aria-valuetext={told()}
      onKeyDown={onKey}
      onPointerDown={(event) => {
        area.setPointerCapture(event.pointerId);
        toPointer(event);
      }}
      onPointerMove={(event) => {
        if (area.hasPointerCapture(event.pointerId)) toPointer(event);
      }}
    >
      {props.children}
      <span class="play-point" style={{ left: left(), top: top() }} />
    </div>
  );
}
