import { createMemo, createSignal, type JSX, onCleanup, Show } from "solid-js";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { RangeField, SelectField } from "../components/field.tsx";
import { conditionRows, Wish } from "./choices.tsx";
import { createDecoded } from "./code-panel.tsx";
import { exampleCode, freshCode, joined, onTheWay } from "./codes.ts";
import type { Play } from "./extras.ts";
import { PictureGrid } from "./picture-grid.tsx";
import type { PictureRows } from "./pixels.ts";
import { createTask } from "./task.ts";

/** Pictures in the strip of a way, and seconds that a way takes. */
const [STEPS, SECONDS] = [9, 3] as const;

export interface MorphProps {
  readonly play: Play;
  /** Ends chosen elsewhere, on a map. */
  readonly ends?: readonly [Float32Array | undefined, Float32Array | undefined] | undefined;
}

/** The way from one code to another, moved along by hand or by itself. */
export function Morph(props: MorphProps): JSX.Element {
  const { client, opened, extras } = props.play;
  const { about } = opened;
  const fresh = () => freshCode(props.play) ?? new Float32Array(about.codeSize);
  const [own, setOwn] = createSignal<readonly [Float32Array, Float32Array]>([fresh(), fresh()]);
  const ends = createMemo(() => [props.ends?.[0] ?? own()[0], props.ends?.[1] ?? own()[1]] as const);
  const [at, setAt] = createSignal(0);
  const [wish, setWish] = createSignal<Float32Array>();
  const [strip, setStrip] = createSignal<PictureRows>();
  const way = (t: number) => onTheWay(ends()[0], ends()[1], t, about.normalCodes);
  const code = createMemo(() => way(at()));
  const decoded = createDecoded(props.play, code, wish);
  const task = createTask();
  const player = createPlayer(setAt);
  const drawStrip = (): void =>
    task.run(async () => {
      const values = joined(Array.from({ length: STEPS }, (_, i) => way(i / (STEPS - 1))));
      const conditions = conditionRows(wish(), extras.conditions, about.conditions, STEPS);
      if (wish() === undefined && conditions !== undefined)
        for (let n = 1; n < STEPS; n++) conditions.copyWithin(n * about.conditions, 0, about.conditions);
      setStrip({ data: await client.call("decode", { values, count: STEPS, conditions }), shape: [STEPS, ...about.shape] });
    });
  return (
    <Card title="From one to another">
      <div class="play-codes">
        <figure class="play-large">
          <PictureGrid pictures={decoded.picture()} label={`${Math.round(100 * at())} percent of the way`} class="large" />
          <figcaption class="hint">{decoded.told()}</figcaption>
        </figure>
        <div class="stack">
          <RangeField
            label="How far"
            value={at()}
            min={0}
            max={1}
            step={0.01}
            shown={(value) => `${Math.round(100 * value)}%`}
            onValue={setAt}
          />
          <div class="row">
            <Button look="primary" onClick={player.toggle} aria-pressed={player.playing()}>
              {player.playing() ? "Pause" : "Move"}
            </Button>
            <Show when={props.ends?.[0] === undefined && props.ends?.[1] === undefined}>
              <Button onClick={() => setOwn([own()[1], fresh()])}>Next end</Button>
              <Button onClick={() => setOwn([fresh(), fresh()])}>Two new ends</Button>
            </Show>
            <Button disabled={task.busy()} onClick={drawStrip}>
              Draw the way
            </Button>
          </div>
          <Show when={extras.examples}>
            {(examples) => <ExampleEnds play={props.play} count={examples().count} ends={own()} onEnds={setOwn} />}
          </Show>
          <Wish names={extras.conditions} count={about.conditions} wish={wish()} onWish={setWish} />
          <Show when={strip()}>
            <PictureGrid pictures={strip()} columns={STEPS} label={`the way in ${STEPS} pictures`} class="strip" />
          </Show>
        </div>
      </div>
    </Card>
  );
}

type Ends = readonly [Float32Array, Float32Array];

function ExampleEnds(props: { play: Play; count: number; ends: Ends; onEnds: (ends: Ends) => void }): JSX.Element {
  const { opened, extras } = props.play;
  const names = extras.examples?.names;
  const options = [
    { value: "", label: "as it is" },
    ...Array.from({ length: props.count }, (_, i) => ({
      value: String(i),
      label: `${i + 1}${names === undefined ? "" : `: ${names[i]}`}`,
    })),
  ];
  const chosen = (value: string, before: Float32Array) =>
    value === "" ? before : exampleCode(extras.examples!, Number(value), opened.about.codeSize);
  return (
    <div class="play-fields narrow">
      <SelectField
        label="From the held-out picture"
        value=""
        options={options}
        onValue={(value) => props.onEnds([chosen(value, props.ends[0]), props.ends[1]])}
      />
      <SelectField
        label="To the held-out picture"
        value=""
        options={options}
        onValue={(value) => props.onEnds([props.ends[0], chosen(value, props.ends[1])])}
      />
    </div>
  );
}

/** Moves a number from 0 to 1 and back until it is told to stop. */
export function createPlayer(onMove: (t: number) => void): { playing: () => boolean; toggle: () => void } {
  const [playing, setPlaying] = createSignal(false);
  let frame = 0;
  let began = 0;
  const move = (now: number): void => {
    const phase = ((now - began) / 1000 / SECONDS) % 2;
    onMove(phase < 1 ? phase : 2 - phase);
    frame = requestAnimationFrame(move);
  };
  onCleanup(() => cancelAnimationFrame(frame));
  return {
    playing,
    toggle() {
      setPlaying(!playing());
      if (playing()) {
        began = performance.now();
        frame = requestAnimationFrame(move);
      } else cancelAnimationFrame(frame);
    },
  };
}
