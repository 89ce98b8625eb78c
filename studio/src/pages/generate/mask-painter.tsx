import { createEffect, createSignal, createUniqueId, For, type JSX } from "solid-js";
import { Button } from "../../components/button.tsx";
import { CheckField, RangeField } from "../../components/field.tsx";
import { dab, type Mask, parts, type Size, stroke } from "./brush.ts";

export interface MaskPainterProps {
  /** The picture, of the size. */
  readonly src: string;
  readonly size: Size;
  readonly mask: Mask;
  readonly onMask: (mask: Mask) => void;
}

type Point = readonly [x: number, y: number];

/** Mark with a brush what the model shall paint, by pointer, finger or keyboard; everything else stays as it is, to the pixel. */
export function MaskPainter(props: MaskPainterProps): JSX.Element {
  const about = createUniqueId();
  const [radius, setRadius] = createSignal(Math.max(1, Math.round(props.size.width / 14)));
  const [erase, setErase] = createSignal(false);
  const marked = () => props.mask.reduce((sum, value) => sum + value, 0);
  return (
    <div class="mask-painter">
      <MaskCanvas {...props} radius={radius()} value={erase() ? 0 : 1} about={about} />
      <p class="hint" id={about}>
        Marked pixels are painted by the model, all others stay exactly as they are. By keyboard: arrows move the brush, space marks, arrows
        with shift mark on the way.
      </p>
      <p class="hint" role="status">
        {marked()} of {props.mask.length} pixels are marked.
      </p>
      <RangeField
        label="Brush"
        value={radius()}
        min={0}
        max={Math.ceil(props.size.width / 4)}
        step={1}
        shown={(r) => `${2 * r + 1} px`}
        onValue={setRadius}
      />
      <CheckField label="Rub out" value={erase()} onValue={setErase} />
      <div class="row">
        <For each={Object.entries(parts)}>{([name, part]) => <Button onClick={() => props.onMask(part(props.size))}>{name}</Button>}</For>
      </div>
    </div>
  );
}

function MaskCanvas(props: MaskPainterProps & { radius: number; value: 0 | 1; about: string }): JSX.Element {
  let canvas!: HTMLCanvasElement;
  let last: Point | undefined;
  const [cursor, setCursor] = createSignal<Point>([Math.floor(props.size.width / 2), Math.floor(props.size.height / 2)]);
  const [keyboard, setKeyboard] = createSignal(false);
  const place = ({ clientX, clientY }: PointerEvent): Point => {
    const box = canvas.getBoundingClientRect();
    const at = (share: number, size: number) => Math.min(size - 1, Math.max(0, Math.floor(share * size)));
    return [at((clientX - box.left) / box.width, props.size.width), at((clientY - box.top) / box.height, props.size.height)];
  };
  const paintTo = (to: Point, from: Point = to) => props.onMask(stroke(props.mask, props.size, from, to, props.radius, props.value));
  const press = (event: KeyboardEvent) => {
    const [x, y] = cursor();
    const moves: Record<string, Point> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (event.key !== " " && move === undefined) return;
    event.preventDefault();
    setKeyboard(true);
    if (move === undefined) return props.onMask(dab(props.mask, props.size, x, y, props.radius, props.value));
    const to: Point = [Math.min(props.size.width - 1, Math.max(0, x + move[0])), Math.min(props.size.height - 1, Math.max(0, y + move[1]))];
    setCursor(to);
    if (event.shiftKey) paintTo(to, [x, y]);
  };
  createEffect(() => drawMask(canvas, props, keyboard() ? cursor() : undefined));
  return (
    <div class="mask-canvas">
      <img class="pixelated" src={props.src} alt="" draggable={false} />
      {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: the keys are the brush's, which no other role says */}
      <canvas
        ref={canvas}
        class="pixelated"
        width={props.size.width}
        height={props.size.height}
        tabindex={0}
        role="application"
        aria-label={`Brush at column ${cursor()[0] + 1}, row ${cursor()[1] + 1}: ${props.mask[cursor()[1] * props.size.width + cursor()[0]] ? "marked" : "kept"}`}
        aria-describedby={props.about}
        onKeyDown={press}
        onBlur={() => setKeyboard(false)}
        onPointerDown={(event) => {
          canvas.setPointerCapture(event.pointerId);
          last = place(event);
          setCursor(last);
          paintTo(last);
        }}
        onPointerMove={(event) => {
          if (last === undefined) return;
          const to = place(event);
          paintTo(to, last);
          last = to;
        }}
        onPointerUp={() => {
          last = undefined;
        }}
        onPointerCancel={() => {
          last = undefined;
        }}
      />
    </div>
  );
}

function drawMask(
  canvas: HTMLCanvasElement,
  { mask, size, radius }: MaskPainterProps & { radius: number },
  cursor: Point | undefined,
): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  const image = context.createImageData(size.width, size.height);
  const ring = cursor === undefined ? undefined : dab(new Uint8Array(mask.length), size, cursor[0], cursor[1], radius, 1);
  for (let i = 0; i < mask.length; i++) {
    // Marked: the accent's orange, half seen through; the brush: blue.
    const colour = ring?.[i] ? [30, 110, 220, 150] : mask[i] ? [228, 96, 38, 165] : [0, 0, 0, 0];
    image.data.set(colour, 4 * i);
  }
  context.putImageData(image, 0, 0);
}
