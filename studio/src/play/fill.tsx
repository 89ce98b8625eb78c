import { createSignal, For, type JSX, Show } from "solid-js";
import { type Half, halves, knownHalf } from "../../../src/sample/known.ts";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { RangeField } from "../components/field.tsx";
import { conditionRows } from "./choices.tsx";
import type { Play } from "./extras.ts";
import { PictureGrid } from "./picture-grid.tsx";
import { type PictureRows, readPicture } from "./pixels.ts";
import { createTask } from "./task.ts";

/** How many ways of filling in are painted. */
const WAYS = 4;

/** A part of a picture is wiped out, and the model fills it in. */
export function Fill(props: { play: Play }): JSX.Element {
  const { client, opened, extras } = props.play;
  const { about } = opened;
  const [, height, width] = about.shape;
  const [picture, setPicture] = createSignal<PictureRows>();
  const [known, setKnown] = createSignal(new Uint8Array(height * width).fill(1));
  const [filled, setFilled] = createSignal<PictureRows>();
  const [brush, setBrush] = createSignal(Math.max(2, Math.round(height / 8)));
  const [seed, setSeed] = createSignal(0);
  const task = createTask();
  const wiped = () => known().includes(0);
  const fresh = (): void =>
    task.run(async (signal) => {
      const conditions = conditionRows(undefined, extras.conditions, about.conditions, 1);
      const { data } = await client.call("sample", { count: 1, seed: Math.floor(Math.random() * 2 ** 31), conditions }, { signal });
      setPicture({ data, shape: [1, ...about.shape] });
    });
  const fill = (): void =>
    task.run(async (signal) => {
      const shape = [WAYS, ...about.shape] as [number, number, number, number];
      const given = { data: times(picture()!.data, WAYS), shape, known: times(known(), WAYS) };
      const conditions = conditionRows(undefined, extras.conditions, about.conditions, WAYS);
      setFilled(
        await client.call("sample", { count: WAYS, seed: seed(), given, conditions, frames: true }, { signal, onEvent: setFilled }),
      );
      setSeed(seed() + 1);
    });
  const keep = (half: Half): void => {
    setKnown(Uint8Array.from(knownHalf(half, height, width)));
  };
  return (
    <Card title="Filling in">
      <div class="row play-actions">
        <Button onClick={fresh} disabled={task.busy()}>
          A picture by the model
        </Button>
        <label class="button">
          A picture of yours
          <input
            type="file"
            accept="image/*"
            class="hidden"
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              if (file) task.run(async () => void setPicture(await readPicture(file, about.shape)));
            }}
          />
        </label>
        <For each={halves}>{(half) => <Button onClick={() => keep(half)}>Keep the {half}</Button>}</For>
        <Button onClick={() => setKnown(new Uint8Array(height * width).fill(1))}>Keep all</Button>
      </div>
      <Show
        when={picture()}
        fallback={<p class="hint">Choose a picture first; then wipe out a part with the pointer, or keep one half.</p>}
      >
        {(shown) => (
          <div class="play-codes">
            <Wiping picture={shown()} known={known()} brush={brush()} onKnown={setKnown} />
            <div class="stack">
              <RangeField
                label="Brush"
                hint="pixels across"
                value={brush()}
                min={1}
                max={Math.round(height / 2)}
                step={1}
                onValue={setBrush}
              />
              <div class="row">
                <Show when={!task.busy()} fallback={<Button onClick={task.stop}>Stop</Button>}>
                  <Button look="primary" disabled={!wiped()} onClick={fill}>
                    Fill in, {WAYS} ways
                  </Button>
                </Show>
              </div>
              <PictureGrid pictures={filled()} columns={2} label={`${WAYS} ways of filling in`} />
            </div>
          </div>
        )}
      </Show>
      <p class="hint" role="status">
        {task.busy() ? "painting …" : task.told()}
      </p>
    </Card>
  );
}

/** The picture, of which the pointer wipes out what it passes over. */
function Wiping(props: {
  picture: PictureRows;
  known: Uint8Array<ArrayBuffer>;
  brush: number;
  onKnown: (known: Uint8Array<ArrayBuffer>) => void;
}): JSX.Element {
  const [, channels, height, width] = props.picture.shape;
  let area!: HTMLDivElement;
  const seen = (): PictureRows => {
    const data = props.picture.data.slice();
    // What is wiped out is a grey ground with a weave, so that it is not taken for a part of the picture.
    for (let i = 0; i < data.length; i++) {
      const at = i % (height * width);
      if (props.known[at] === 0) data[i] = ((at % width) + Math.floor(at / width)) % 2 === 0 ? 0.42 : 0.55;
    }
    return { data, shape: [1, channels, height, width] };
  };
  const wipe = (event: PointerEvent): void => {
    const box = area.getBoundingClientRect();
    const [x, y] = [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
    const next = props.known.slice();
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++)
        if (Math.hypot(column + 0.5 - x, row + 0.5 - y) <= props.brush / 2 + 0.3) next[row * width + column] = 0;
    props.onKnown(next);
  };
  return (
    <div
      ref={area}
      class="play-wipe"
      onPointerDown={(event) => {
        area.setPointerCapture(event.pointerId);
        wipe(event);
      }}
      onPointerMove={(event) => area.hasPointerCapture(event.pointerId) && wipe(event)}
    >
      <PictureGrid pictures={seen()} label="the picture with what is wiped out; the buttons above keep a half of it" class="large" />
    </div>
  );
}

function times<T extends Float32Array | Uint8Array>(values: T, count: number): T {
  const result = new (values.constructor as new (length: number) => T)(values.length * count);
  for (let n = 0; n < count; n++) result.set(values as never, n * values.length);
  return result;
}
