import { createEffect, createSignal, type JSX, on, Show } from "solid-js";
import type { Bounds, GenerateInfo } from "../../../../src/studio/generate.ts";
import { Button } from "../../components/button.tsx";
import { NumberField } from "../../components/field.tsx";
import { followWork, generatePath } from "./follow.ts";
import { pointsOf } from "./frames.ts";
import { Player } from "./player.tsx";
import { type Chosen, nextSeed, SamplingForm, SeedField, type Wanted, WantedForm } from "./sampling-form.tsx";
import { WorkState } from "./work-state.tsx";

interface Truth {
  readonly points: Float32Array;
  readonly bounds: Bounds;
}

/** Points in the plane: samples over the data, and the way to them. */
export function Points(props: { info: GenerateInfo }): JSX.Element {
  const [count, setCount] = createSignal(1000);
  const [seed, setSeed] = createSignal("1");
  const [chosen, setChosen] = createSignal<Chosen>({});
  const [wanted, setWanted] = createSignal<Wanted>({});
  const [frames, setFrames] = createSignal<readonly Float32Array[]>([]);
  const [truth, setTruth] = createSignal<Truth | undefined>();
  const work = followWork((event) => {
    if (event.type === "points") setFrames((all) => [...all, pointsOf(event.data)]);
    if (event.type === "done" && event.result.kind === "points" && event.result.data !== undefined) {
      const { points, bounds } = event.result.data;
      setTruth({ points: pointsOf(points), bounds });
    }
  });
  const begin = () => {
    setFrames([]);
    const sampling = Object.keys(chosen()).length === 0 ? {} : { sampling: chosen() };
    void work.begin(generatePath(props.info.name, "points"), { count: count(), seed: seed(), ...sampling, ...wanted() });
    setSeed(nextSeed(seed()));
  };
  return (
    <div class="generate">
      <form class="generate-form stack" onSubmit={(event) => event.preventDefault()}>
        <NumberField
          label="How many"
          value={count()}
          min={1}
          max={20_000}
          step={1}
          onValue={(n) => setCount(Math.min(20_000, Math.max(1, Math.round(n) || 1)))}
        />
        <SeedField value={seed()} onValue={setSeed} />
        <WantedForm conditions={props.info.conditions} wanted={wanted()} otherwise="each in turn" onWanted={setWanted} />
        <WorkState work={work} label="Draw points" onBegin={begin} />
        <SamplingForm fields={props.info.sampling} chosen={chosen()} onChosen={setChosen} />
      </form>
      <Show when={frames().length > 0} fallback={<p class="hint">Points appear here, over those of the data.</p>}>
        <Plot frames={frames()} truth={truth()} />
      </Show>
    </div>
  );
}

function Plot(props: { frames: readonly Float32Array[]; truth: Truth | undefined }): JSX.Element {
  const [at, setAt] = createSignal(0);
  createEffect(
    on(
      () => props.frames.length,
      (count) => setAt(Math.max(0, count - 1)),
    ),
  );
  const points = () => props.frames[Math.min(at(), props.frames.length - 1)];
  const bounds = () => props.truth?.bounds ?? boundsOf(props.frames[props.frames.length - 1]);
  let canvas!: HTMLCanvasElement;
  createEffect(() => draw(canvas, points(), bounds(), props.truth?.points));
  const save = () => {
    const rows = Array.from({ length: points().length / 2 }, (_, i) => `${points()[2 * i]},${points()[2 * i + 1]}`);
    const link = Object.assign(document.createElement("a"), { download: "points.csv" });
    link.href = URL.createObjectURL(new Blob([`x,y\n${rows.join("\n")}\n`], { type: "text/csv" }));
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <div class="stack plot">
      <canvas
        ref={canvas}
        width="720"
        height="720"
        role="img"
        aria-label={`${points().length / 2} points, frame ${at() + 1} of ${props.frames.length}, over points of the data`}
      />
      <Player count={props.frames.length} index={at()} onIndex={setAt} what="step" />
      <div class="row">
        <span class="key samples">samples</span>
        <span class="key data">data</span>
        <Button onClick={save}>Save as CSV</Button>
      </div>
    </div>
  );
}

function boundsOf(points: Float32Array): Bounds {
  const range = (axis: 0 | 1): [number, number] => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = axis; i < points.length; i += 2) [low, high] = [Math.min(low, points[i]), Math.max(high, points[i])];
    const margin = (high - low) / 10 || 1;
    return [low - margin, high + margin];
  };
  return { x: range(0), y: range(1) };
}

function draw(canvas: HTMLCanvasElement, points: Float32Array, { x, y }: Bounds, data: Float32Array | undefined): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  const style = getComputedStyle(canvas);
  context.clearRect(0, 0, canvas.width, canvas.height);
  const dots = (values: Float32Array, colour: string, side: number) => {
    context.fillStyle = colour;
    for (let i = 0; i + 1 < values.length; i += 2) {
      const left = ((values[i] - x[0]) / (x[1] - x[0])) * canvas.width;
      const top = canvas.height - ((values[i + 1] - y[0]) / (y[1] - y[0])) * canvas.height;
      context.fillRect(left - side / 2, top - side / 2, side, side);
    }
  };
  if (data !== undefined) dots(data, style.getPropertyValue("--line-strong"), 3);
  dots(points, style.getPropertyValue("--accent"), 4);
}
