import { createSignal, type JSX, Show } from "solid-js";
import { Button } from "../components/button.tsx";
import { Card } from "../components/card.tsx";
import { NumberField, SelectField } from "../components/field.tsx";
import { type Choices, conditionRows, SamplerChoices, Wish } from "./choices.tsx";
import type { Play } from "./extras.ts";
import { Frames } from "./frames.ts";
import { OnTheWay } from "./on-the-way.tsx";
import { PictureGrid } from "./picture-grid.tsx";
import { columnsOf, type PictureRows, readPicture } from "./pixels.ts";
import { SavePicture } from "./save-picture.tsx";
import { createTask } from "./task.ts";

const counts = [1, 4, 9, 16, 36, 64].map((count) => ({ value: String(count), label: String(count) }));

/** Fresh pictures by seed, watched while they come. */
export function NewOnes(props: { play: Play }): JSX.Element {
  const { client, opened, extras } = props.play;
  const { about } = opened;
  const [seed, setSeed] = createSignal(0);
  const [count, setCount] = createSignal(about.can.starts === "needs" ? 1 : 16);
  const [chosen, setChosen] = createSignal<Choices>({});
  const [wish, setWish] = createSignal<Float32Array>();
  const [from, setFrom] = createSignal<PictureRows>();
  const [frames, setFrames] = createSignal<readonly PictureRows[]>([]);
  const [at, setAt] = createSignal(0);
  const task = createTask();
  let canvas: HTMLCanvasElement | undefined;
  const shown = () => frames()[Math.min(at(), frames().length - 1)];
  const draw = (): void =>
    task.run(async (signal) => {
      const kept = new Frames<PictureRows>();
      const many = count();
      const start = from();
      const data =
        start === undefined
          ? undefined
          : { data: repeated(start.data, many), shape: [many, ...about.shape] as [number, number, number, number] };
      const given = {
        ...{ count: many, seed: seed(), sampling: chosen(), from: data, frames: true },
        conditions: conditionRows(wish(), extras.conditions, about.conditions, many),
      };
      const onEvent = (frame: PictureRows) => {
        kept.add(frame);
        setFrames(kept.all());
        setAt(frames().length - 1);
      };
      await client.call("sample", given, { signal, onEvent });
    });
  return (
    <Card title={about.can.starts === "needs" ? "From a picture" : "New pictures"}>
      <div class="play-fields">
        <NumberField label="Seed" hint="the same seed gives the same pictures" value={seed()} min={0} step={1} onValue={setSeed} />
        <SelectField label="How many" value={String(count())} options={counts} onValue={(value) => setCount(Number(value))} />
        <Wish names={extras.conditions} count={about.conditions} wish={wish()} onWish={setWish} turns />
      </div>
      <Show when={about.can.starts}>
        <Start needed={about.can.starts === "needs"} shape={about.shape} from={from()} onFrom={setFrom} />
      </Show>
      <SamplerChoices fields={about.sampling} chosen={chosen()} onChosen={setChosen} />
      <div class="row play-actions">
        <Show when={!task.busy()} fallback={<Button onClick={task.stop}>Stop</Button>}>
          <Button look="primary" disabled={about.can.starts === "needs" && from() === undefined} onClick={draw}>
            Draw
          </Button>
          <Button
            disabled={about.can.starts === "needs" && from() === undefined}
            onClick={() => {
              setSeed(seed() + 1);
              draw();
            }}
          >
            Next seed
          </Button>
        </Show>
        <SavePicture name={`${about.model}-${seed()}`} canvas={() => canvas} ready={frames().length > 0 && !task.busy()} />
      </div>
      <p class="hint" role="status">
        {task.busy() ? `drawing, step ${frames().length} …` : task.told()}
      </p>
      <Show when={frames().length > 0}>
        <PictureGrid
          pictures={shown()}
          columns={columnsOf(shown().shape[0])}
          label={`${shown().shape[0]} pictures of seed ${seed()}`}
          ref={(element) => (canvas = element)}
        />
      </Show>
      <OnTheWay frames={frames().length} at={at()} onAt={setAt} />
    </Card>
  );
}

/** A picture to set out from: a file that is chosen or dropped. */
function Start(props: {
  needed: boolean;
  shape: readonly number[];
  from: PictureRows | undefined;
  onFrom: (from: PictureRows | undefined) => void;
}): JSX.Element {
  const [wrong, setWrong] = createSignal("");
  const read = (file: File | null | undefined): void => {
    if (!file) return;
    readPicture(file, props.shape).then(
      (picture) => {
        setWrong("");
        props.onFrom(picture);
      },
      () => setWrong(`${file.name} is no picture that this browser reads.`),
    );
  };
  return (
    <fieldset
      class="play-drop"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        read(event.dataTransfer?.files[0]);
      }}
    >
      <legend>{props.needed ? "Set out from a picture" : "Set out from a picture (as you like)"}</legend>
      <input type="file" accept="image/*" aria-label="A picture of your own" onChange={(event) => read(event.currentTarget.files?.[0])} />
      <Show when={props.from}>
        <PictureGrid pictures={props.from} label="the picture set out from" class="small" />
        <Button onClick={() => props.onFrom(undefined)}>Without it</Button>
      </Show>
      <p class="hint" role="status">
        {wrong() || "It is read in this page and goes nowhere."}
      </p>
    </fieldset>
  );
}

function repeated(values: Float32Array, times: number): Float32Array {
  const result = new Float32Array(values.length * times);
  for (let n = 0; n < times; n++) result.set(values, n * values.length);
  return result;
}
