import { createEffect, createMemo, createSignal, type JSX, onMount, Show } from "solid-js";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { NumberField, RangeField } from "../components/field.tsx";
import { type Choices, conditionRows, SamplerChoices, Wish } from "./choices.tsx";
import type { Play } from "./extras.ts";
import { Frames } from "./frames.ts";
import { createPlayer } from "./morph.tsx";
import { OnTheWay } from "./on-the-way.tsx";
import { type Bounds, boundsOf, cellMiddles, gridLines, type PlaneView, paintPlane } from "./plane.ts";
import { createTask } from "./task.ts";

/** Cells of a density's side, lines of a grid each way and corners of a line. */
const [CELLS, LINES, CORNERS] = [64, 17, 49] as const;
const CODES: Bounds = { x: [-3, 3], y: [-3, 3] };

function Plane(props: { view: PlaneView; label: string }): JSX.Element {
  let canvas!: HTMLCanvasElement;
  const paint = () => paintPlane(canvas, props.view);
  createEffect(paint);
  onMount(() => matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint));
  return <canvas ref={canvas} role="img" aria-label={props.label} class="play-plane" />;
}

/** Points that a model of the plane draws, watched while they come, and how likely it finds each place. */
export function PointPanel(props: { play: Play }): JSX.Element {
  const { client, opened, extras } = props.play;
  const { about } = opened;
  const [seed, setSeed] = createSignal(0);
  const [count, setCount] = createSignal(1000);
  const [chosen, setChosen] = createSignal<Choices>({});
  const [wish, setWish] = createSignal<Float32Array>();
  const [frames, setFrames] = createSignal<readonly Float32Array[]>([]);
  const [at, setAt] = createSignal(0);
  const [heat, setHeat] = createSignal<PlaneView["heat"]>();
  const task = createTask();
  const bounds = createMemo(() => boundsOf(frames().at(-1) ?? []));
  const draw = (): void =>
    task.run(async (signal) => {
      const kept = new Frames<Float32Array>();
      const conditions = conditionRows(wish(), extras.conditions, about.conditions, count());
      setHeat(undefined);
      await client.call(
        "sample",
        { count: count(), seed: seed(), sampling: chosen(), conditions, frames: true },
        {
          signal,
          onEvent: ({ data }) => {
            kept.add(data);
            setFrames(kept.all());
            setAt(frames().length - 1);
          },
        },
      );
      if (about.can.density) setHeat(await density(props.play, bounds(), wish()));
    });
  onMount(draw);
  return (
    <Card title={about.can.density ? "Points and density" : "Points"}>
      <div class="play-codes">
        <Plane
          view={{ bounds: bounds(), heat: heat(), points: frames()[Math.min(at(), frames().length - 1)] }}
          label={`${count()} points of seed ${seed()}`}
        />
        <div class="stack">
          <div class="play-fields narrow">
            <NumberField label="Seed" value={seed()} min={0} step={1} onValue={setSeed} />
            <NumberField label="How many" value={count()} min={1} max={20_000} step={1} onValue={setCount} />
            <Wish names={extras.conditions} count={about.conditions} wish={wish()} onWish={setWish} turns />
          </div>
          <SamplerChoices fields={about.sampling} chosen={chosen()} onChosen={setChosen} />
          <div class="row">
            <Show when={!task.busy()} fallback={<Button onClick={task.stop}>Stop</Button>}>
              <Button look="primary" onClick={draw}>
                Draw
              </Button>
            </Show>
          </div>
          <OnTheWay frames={frames().length} at={at()} onAt={setAt} />
          <p class="hint" role="status">
            {task.busy() ? "drawing …" : task.told()}
          </p>
        </div>
      </div>
    </Card>
  );
}

async function density({ client, opened, extras }: Play, bounds: Bounds, wish: Float32Array | undefined): Promise<PlaneView["heat"]> {
  const values = cellMiddles(bounds, CELLS);
  const rows = CELLS * CELLS;
  const conditions = conditionRows(wish, extras.conditions, opened.about.conditions, rows);
  const log = await client.call("density", { values, count: rows, conditions });
  const most = log.reduce((a, b) => (Number.isFinite(b) ? Math.max(a, b) : a), Number.NEGATIVE_INFINITY);
  return { values: log.map((value) => (Number.isFinite(value) ? Math.exp(value - most) : 0)), cells: CELLS };
}

/** How a square grid of codes lies in the plane of the data, and how a grid of the data lies among the codes. */
export function Warp(props: { play: Play }): JSX.Element {
  const { client, opened, extras } = props.play;
  const { about } = opened;
  const [backwards, setBackwards] = createSignal(false);
  const [ends, setEnds] = createSignal<{ from: Float32Array[]; to: Float32Array[] }>();
  const [t, setT] = createSignal(1);
  const task = createTask();
  const player = createPlayer(setT);
  const compute = (back: boolean): void =>
    task.run(async (signal) => {
      let square = CODES;
      if (back)
        square = boundsOf(
          (
            await client.call(
              "sample",
              { count: 500, seed: 0, conditions: conditionRows(undefined, extras.conditions, about.conditions, 500) },
              { signal },
            )
          ).data,
        );
      const from = gridLines(square, LINES, CORNERS);
      const rows = from.length * CORNERS;
      const values = Float32Array.from(from.flatMap((line) => [...line]));
      const conditions = conditionRows(undefined, { kind: "attributes", names: [] }, about.conditions, rows);
      if (conditions !== undefined) for (let n = 0; n < rows; n++) conditions[n * about.conditions] = 1;
      const moved = await client.call(back ? "encode" : "decode", { values, count: rows, conditions }, { signal });
      setEnds({ from, to: from.map((_, i) => moved.slice(i * 2 * CORNERS, (i + 1) * 2 * CORNERS)) });
    });
  onMount(() => compute(false));
  const lines = createMemo(() => {
    const known = ends();
    if (known === undefined) return [];
    return known.from.map((line, i) => line.map((value, k) => (1 - t()) * value + t() * known.to[i][k]));
  });
  const bounds = createMemo(() => boundsOf([...(ends()?.from ?? []), ...(ends()?.to ?? [])].flatMap((line) => [...line])));
  return (
    <Card title="The warp of the plane">
      <div class="play-codes">
        <Plane
          view={{ bounds: bounds(), lines: lines() }}
          label={backwards() ? "a grid of the data among the codes" : "a grid of codes in the plane of the data"}
        />
        <div class="stack">
          <RangeField
            label="From the square grid to where the model puts it"
            value={t()}
            min={0}
            max={1}
            step={0.01}
            shown={(value) => `${Math.round(100 * value)}%`}
            onValue={setT}
          />
          <div class="row">
            <Button look="primary" aria-pressed={player.playing()} onClick={player.toggle}>
              {player.playing() ? "Pause" : "Move"}
            </Button>
            <Show when={about.can.encode}>
              <Button
                onClick={() => {
                  setBackwards(!backwards());
                  compute(backwards());
                }}
              >
                {backwards() ? "Codes to data" : "Data to codes"}
              </Button>
            </Show>
          </div>
          <p class="hint" role="status">
            {task.busy()
              ? "computing …"
              : backwards()
                ? "a square grid over the data, and its codes"
                : "a square grid of codes from -3 to 3, and what they decode to"}
          </p>
        </div>
      </div>
    </Card>
  );
}
