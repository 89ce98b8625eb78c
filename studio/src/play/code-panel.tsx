import { createEffect, createMemo, createSignal, For, type JSX, Show } from "solid-js";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { RangeField } from "../components/field.tsx";
import { conditionRows, Wish } from "./choices.tsx";
import { between, freshCode, joined } from "./codes.ts";
import type { Play } from "./extras.ts";
import { latest } from "./latest.ts";
import { Pad } from "./pad.tsx";
import { PictureGrid } from "./picture-grid.tsx";
import type { PictureRows } from "./pixels.ts";

/** Sliders that are shown at once, of a code's numbers. */
const SHOWN = 8;

export interface CodePanelProps {
  readonly play: Play;
  /** Where codes are chosen instead of on the pad: a map. */
  readonly pad?: JSX.Element;
  /** The code that is chosen there. */
  readonly code?: Float32Array | undefined;
}

/** Codes by hand: a plane to drag in, a slider for each number, attributes that are added, and what the model makes of it at once. */
export function CodePanel(props: CodePanelProps): JSX.Element {
  const { opened, extras } = props.play;
  const { about } = opened;
  const flat = about.codeSize === 2;
  const fresh = () => freshCode(props.play) ?? new Float32Array(about.codeSize);
  const [place, setPlace] = createSignal<readonly [number, number]>(flat ? [0, 0] : [0.5, 0.5]);
  const [corners, setCorners] = createSignal([fresh(), fresh(), fresh(), fresh()]);
  const [spread, setSpread] = createSignal(1);
  const [offset, setOffset] = createSignal(new Float32Array(about.codeSize));
  const [strengths, setStrengths] = createSignal<Readonly<Record<string, number>>>({});
  const [wish, setWish] = createSignal<Float32Array>();
  createEffect(() => {
    const { code } = props;
    if (code === undefined) return;
    setCorners([code, code, code, code]);
    setOffset(new Float32Array(about.codeSize));
  });
  const base = createMemo(() => {
    const [x, y] = place();
    return flat && props.code === undefined
      ? Float32Array.of(x, y)
      : between(corners(), x, y, about.normalCodes && props.code === undefined);
  });
  const code = createMemo(() => {
    const result = base().map((value, i) => spread() * value + offset()[i]);
    for (const { name, vector } of extras.directions ?? []) {
      const strength = strengths()[name] ?? 0;
      if (strength !== 0) for (let i = 0; i < result.length; i++) result[i] += strength * vector[i];
    }
    return result;
  });
  const decoded = createDecoded(props.play, code, wish);
  return (
    <Card title={about.can.encode ? "The space of codes" : "Codes by hand"}>
      <div class="play-codes">
        <figure class="play-large">
          <PictureGrid pictures={decoded.picture()} label="what the model makes of this code" class="large" />
          <figcaption class="hint">{decoded.told()}</figcaption>
        </figure>
        <div class="stack">
          <Show when={props.pad === undefined} fallback={props.pad}>
            <Pad
              label={flat ? "Place in the plane of codes" : "Place between four codes"}
              x={place()[0]}
              y={place()[1]}
              range={flat ? { x: [-3, 3], y: [-3, 3] } : { x: [0, 1], y: [0, 1] }}
              onMove={(x, y) => setPlace([x, y])}
            >
              <PadGround play={props.play} corners={flat ? undefined : corners()} wish={wish()} />
            </Pad>
            <Show when={!flat}>
              <div class="row">
                <Button look="primary" onClick={() => setCorners([fresh(), fresh(), fresh(), fresh()])}>
                  Four new codes
                </Button>
              </div>
            </Show>
          </Show>
          <Wish names={extras.conditions} count={about.conditions} wish={wish()} onWish={setWish} />
          <Show when={about.normalCodes}>
            <RangeField
              label={about.family === "gans" ? "Truncation: how far from the middle" : "How far from the middle"}
              hint="below 1 safer and more alike, above 1 stranger"
              value={spread()}
              min={0}
              max={2}
              step={0.05}
              shown={(value) => value.toFixed(2)}
              onValue={setSpread}
            />
          </Show>
          <Directions play={props.play} strengths={strengths()} onStrengths={setStrengths} />
          <Show when={about.codeSize <= 256}>
            <Numbers
              code={code()}
              onNumber={(index, value) => setOffset(Object.assign(offset().slice(), { [index]: offset()[index] + value - code()[index] }))}
              onReset={() => setOffset(new Float32Array(about.codeSize))}
            />
          </Show>
        </div>
      </div>
    </Card>
  );
}

/** The picture of a code that moves, decoded as often as the machine can. */
export function createDecoded(play: Play, code: () => Float32Array, wish: () => Float32Array | undefined = () => undefined) {
  const { client, opened, extras } = play;
  const { shape, conditions: width } = opened.about;
  const [picture, setPicture] = createSignal<PictureRows>();
  const [problem, setProblem] = createSignal("");
  const work = latest<{ values: Float32Array; conditions: Float32Array | undefined }>(
    async ({ values, conditions }) => {
      const data = await client.call("decode", { values, count: 1, conditions });
      setProblem("");
      setPicture({ data, shape: [1, ...shape] });
    },
    (error) => setProblem(error instanceof Error ? error.message : String(error)),
  );
  createEffect(() => work.want({ values: code(), conditions: conditionRows(wish(), extras.conditions, width, 1) }));
  const told = () => problem() || (work.rate() === undefined ? "drag to move through it" : `${work.rate()!.toFixed(0)} pictures a second`);
  return { picture, told, rate: work.rate };
}

/** Pictures along a side of the pad's ground. */
const GROUND = 7;

/** What the places of the pad decode to, faintly behind its point. */
function PadGround(props: { play: Play; corners: readonly Float32Array[] | undefined; wish: Float32Array | undefined }): JSX.Element {
  const { client, opened, extras } = props.play;
  const { shape, conditions: width, normalCodes } = opened.about;
  const [pictures, setPictures] = createSignal<PictureRows>();
  const count = GROUND * GROUND;
  createEffect(() => {
    const { corners, wish } = props;
    const codes = Array.from({ length: count }, (_, i) => {
      const [x, y] = [((i % GROUND) + 0.5) / GROUND, 1 - (Math.floor(i / GROUND) + 0.5) / GROUND];
      return corners === undefined ? Float32Array.of(6 * x - 3, 6 * y - 3) : between(corners, x, y, normalCodes);
    });
    const one = conditionRows(wish, extras.conditions, width, 1);
    const conditions = one === undefined ? undefined : joined(Array.from({ length: count }, () => one));
    client.call("decode", { values: joined(codes), count, conditions }).then(
      (data) => setPictures({ data, shape: [count, ...shape] }),
      () => undefined, // the large picture says why
    );
  });
  return <PictureGrid pictures={pictures()} columns={GROUND} label="" class="ground" />;
}

function Directions(props: {
  play: Play;
  strengths: Readonly<Record<string, number>>;
  onStrengths: (all: Readonly<Record<string, number>>) => void;
}): JSX.Element {
  return (
    <Show when={(props.play.extras.directions ?? []).length > 0}>
      <details class="play-more" open>
        <summary>Attributes</summary>
        <div class="play-fields narrow">
          <For each={props.play.extras.directions}>
            {({ name }) => (
              <RangeField
                label={name}
                value={props.strengths[name] ?? 0}
                min={-3}
                max={3}
                step={0.1}
                shown={(value) => value.toFixed(1)}
                onValue={(value) => props.onStrengths({ ...props.strengths, [name]: value })}
              />
            )}
          </For>
        </div>
      </details>
    </Show>
  );
}

/** A slider for each number of the code, a few at a time. */
function Numbers(props: { code: Float32Array; onNumber: (index: number, value: number) => void; onReset: () => void }): JSX.Element {
  const [first, setFirst] = createSignal(0);
  const shown = () => Array.from({ length: Math.min(SHOWN, props.code.length - first()) }, (_, i) => first() + i);
  return (
    <details class="play-more">
      <summary>The code's {props.code.length} numbers</summary>
      <div class="play-fields narrow">
        <For each={shown()}>
          {(index) => (
            <RangeField
              label={`number ${index + 1}`}
              value={props.code[index]}
              min={-4}
              max={4}
              step={0.05}
              shown={(value) => value.toFixed(2)}
              onValue={(value) => props.onNumber(index, value)}
            />
          )}
        </For>
      </div>
      <div class="row">
        <Button disabled={first() === 0} onClick={() => setFirst(first() - SHOWN)}>
          Those before
        </Button>
        <Button disabled={first() + SHOWN >= props.code.length} onClick={() => setFirst(first() + SHOWN)}>
          Those after
        </Button>
        <Button onClick={props.onReset}>Back to the pad's</Button>
      </div>
    </details>
  );
}
