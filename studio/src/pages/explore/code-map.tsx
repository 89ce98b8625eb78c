import { createEffect, createSignal, For, type JSX, onCleanup, onMount, Show } from "solid-js";
import { type CodeMap, type ExploredRun, type MapMethod, mapMethods } from "../../../../src/studio/explore.ts";
import type { Task } from "../../../../src/studio/tasks.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { SelectField } from "../../components/field.tsx";
import { tellError } from "../../components/notices.tsx";
import { Progress } from "../../components/progress.tsx";
import { Pad } from "../../play/pad.tsx";
import { watchTask } from "../../task.ts";
import { codeAt, type LoadedMap, loadedMap, nearest } from "./map-data.ts";
import { classColour, paintMap } from "./paint-map.ts";

export interface CodeMapProps {
  readonly facts: ExploredRun;
  readonly onMap: (map: LoadedMap) => void;
  readonly onCode: (code: Float32Array) => void;
}

/** Held-out pictures where their codes lie; a place in between has a code of its own. */
export function CodeMapPad(props: CodeMapProps): JSX.Element {
  const path = `/api/explore/${encodeURIComponent(props.facts.run)}/map`;
  const [method, setMethod] = createSignal<MapMethod>(props.facts.maps[0] ?? mapMethods[0]);
  const [loaded, setLoaded] = createSignal<{ map: LoadedMap; thumbnails: HTMLImageElement }>();
  const [place, setPlace] = createSignal<readonly [number, number]>([0, 0]);
  const move = (x: number, y: number) => {
    setPlace([x, y]);
    const known = loaded();
    if (known !== undefined) props.onCode(codeAt(known.map, x, y));
  };
  const load = async (wanted: MapMethod): Promise<void> => {
    try {
      const map = loadedMap(await api.get<CodeMap>(`${path}/${wanted}`));
      const thumbnails = new Image();
      thumbnails.src = `.${path}/${wanted}/thumbnails`;
      await thumbnails.decode();
      setLoaded({ map, thumbnails });
      props.onMap(map);
      const { x, y } = map.bounds;
      const [middle] = nearest(map.map.points, map.map.count, (x[0] + x[1]) / 2, (y[0] + y[1]) / 2);
      move(map.map.points[2 * middle.row], map.map.points[2 * middle.row + 1]);
    } catch (error) {
      tellError(error);
    }
  };
  const computed = new Set<MapMethod>(props.facts.maps);
  const watch = watchTask((task) => {
    const done = (task.result as { method: MapMethod }).method;
    computed.add(done);
    void load(done);
  });
  const compute = () => void watch.begin(api.post<Task>(path, { method: method() }));
  onMount(() => {
    if (computed.has(method())) void load(method());
    else void watch.resume("map", props.facts.run);
  });
  const choose = (wanted: MapMethod) => {
    setMethod(wanted);
    if (computed.has(wanted)) void load(wanted);
  };
  return (
    <>
      <div class="row">
        <SelectField
          label="The map"
          value={method()}
          options={[
            { value: "umap", label: "neighbours beside each other (UMAP)" },
            { value: "pca", label: "directions of largest variance (PCA)" },
          ]}
          onValue={(value) => choose(value as MapMethod)}
        />
        <Show when={loaded()?.map.map.method !== method() && !watch.busy()}>
          <Button look="primary" onClick={compute}>
            Compute the map
          </Button>
        </Show>
      </div>
      <Show when={watch.busy()}>
        <Progress label="computing the map" value={undefined} text={watch.task()?.message} />
        <Button onClick={watch.cancel}>Stop</Button>
      </Show>
      <Show when={loaded()}>{(known) => <MapPad known={known()} place={place()} onMove={move} />}</Show>
    </>
  );
}

function MapPad(props: {
  known: { map: LoadedMap; thumbnails: HTMLImageElement };
  place: readonly [number, number];
  onMove: (x: number, y: number) => void;
}): JSX.Element {
  let canvas!: HTMLCanvasElement;
  const paint = () => paintMap(canvas, props.known.map, props.known.thumbnails);
  createEffect(paint);
  onMount(() => {
    const resized = new ResizeObserver(paint);
    resized.observe(canvas);
    onCleanup(() => resized.disconnect());
  });
  const names = () => props.known.map.map.names ?? [];
  return (
    <>
      <Pad
        label={`Place on the map of ${props.known.map.map.count} held-out pictures`}
        x={props.place[0]}
        y={props.place[1]}
        range={props.known.map.bounds}
        onMove={props.onMove}
        class="map"
      >
        <canvas ref={canvas} />
      </Pad>
      <Show when={names().length > 0}>
        <ul class="explore-legend" aria-label="Colours of the frames">
          <For each={names()}>
            {(name, k) => (
              <li>
                <span style={{ background: classColour(k(), names().length) }} />
                {name}
              </li>
            )}
          </For>
        </ul>
      </Show>
    </>
  );
}
