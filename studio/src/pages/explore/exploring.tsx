import { createResource, createSignal, type JSX, onCleanup, Show } from "solid-js";
import { Button } from "../../components/button.tsx";
import { SelectField } from "../../components/field.tsx";
import { Loading, Problem } from "../../components/loading.tsx";
import type { Play } from "../../play/extras.ts";
import { Playground } from "../../play/playground.tsx";
import { address } from "../../route.ts";
import { CodeMapPad } from "./code-map.tsx";
import type { LoadedMap } from "./map-data.ts";
import { type Device, deviceLine, hasWebGpu, type OpenRun, openRun } from "./open.ts";

/** Codes of held-out pictures to begin from. */
const EXAMPLES = 24;

/** One run, opened in the page. */
export function Exploring(props: { run: string }): JSX.Element {
  const [device, setDevice] = createSignal<Device>("cpu");
  let open: OpenRun | undefined;
  let left = false;
  const close = () => open?.client.close();
  onCleanup(() => {
    left = true;
    close();
  });
  const [opened, { refetch }] = createResource(device, async (wanted) => {
    close();
    open = await openRun(props.run, wanted);
    // Whoever leaves while it opens leaves nothing running behind.
    if (left) close();
    return open;
  });
  return (
    <>
      <div class="page-head">
        <h1>
          <a href={address("explore")}>Explore</a> {props.run}
        </h1>
        <Show when={opened.state === "ready" && opened()}>{(ready) => <p class="soft">{ready().facts.summary}</p>}</Show>
      </div>
      <Show
        when={opened.state !== "errored"}
        fallback={<Problem error={opened.error} what={`the run ${props.run}`} retry={() => void refetch()} />}
      >
        <Show when={opened.state === "ready" && opened()} keyed fallback={<Loading what="the model into this page" />}>
          {(ready) => (
            <div class="stack">
              <Opened open={ready} />
              <div class="row">
                <p class="hint" role="status">
                  {deviceLine(ready)}
                </p>
                <Show when={hasWebGpu && ready.facts.webgpu}>
                  <SelectField
                    label="Computed by"
                    value={device()}
                    options={[
                      { value: "cpu", label: "the processor" },
                      { value: "webgpu", label: "the graphics card" },
                    ]}
                    onValue={(value) => setDevice(value as Device)}
                  />
                </Show>
              </div>
            </div>
          )}
        </Show>
      </Show>
    </>
  );
}

/** The map of codes, where there is one, and everything that the model can do. */
function Opened(props: { open: OpenRun }): JSX.Element {
  const { facts, client, opened } = props.open;
  const [map, setMap] = createSignal<LoadedMap>();
  const [code, setCode] = createSignal<Float32Array>();
  const [ends, setEnds] = createSignal<readonly [Float32Array | undefined, Float32Array | undefined]>([undefined, undefined]);
  const play: Play = {
    ...{ client, opened },
    extras: {
      conditions: facts.conditions,
      get examples() {
        const known = map();
        if (known === undefined) return undefined;
        const count = Math.min(EXAMPLES, known.map.count);
        const { labels, names } = known.map;
        return { codes: known.codes, count, names: labels && names && Array.from({ length: count }, (_, i) => names[labels[i]]) };
      },
      get directions() {
        return map()?.map.directions.map(({ name, vector }) => ({ name, vector: Float32Array.from(vector) }));
      },
    },
  };
  // For whoever drives the page from its console.
  (globalThis as { atelier?: Play }).atelier = play;
  // Made once: it is asked for in more than one place.
  const pad =
    facts.noMap !== undefined ? undefined : (
      <div class="stack">
        <CodeMapPad facts={facts} onMap={setMap} onCode={setCode} />
        <Show when={code()}>
          {(chosen) => (
            <div class="row">
              <Button onClick={() => setEnds([chosen(), ends()[1]])}>A way begins here</Button>
              <Button onClick={() => setEnds([ends()[0], chosen()])}>A way ends here</Button>
              <Show when={ends()[0] ?? ends()[1]}>
                <Button onClick={() => setEnds([undefined, undefined])}>Forget the ends</Button>
              </Show>
            </div>
          )}
        </Show>
      </div>
    );
  return (
    <>
      <Playground play={play} code={code()} ends={ends()} pad={pad} />
      <Show when={facts.noMap !== undefined && opened.about.kind === "pictures"}>
        <p class="hint">No map of codes for this model: {facts.noMap}.</p>
      </Show>
    </>
  );
}
