import { createEffect, createSignal, on, onCleanup } from "solid-js";
import { createStore, reconcile } from "solid-js/store";
import { type Curves, decodeCurves } from "../../../../src/studio/metrics.ts";
import type { LiveRows, RunDetail, SampleFile } from "../../../../src/studio/training.ts";
import { type ApiError, api } from "../../api.ts";
import type { Zoom } from "../../components/chart.tsx";
import { appendRows } from "./append.ts";

/** Points of a curve: enough for any chart's width. */
const POINTS = 1200;
/** Live points at the end of reduced curves, after which they are asked for anew. */
const TAIL = 400;

/** The address of a run's metrics. */
export function metricsPath(run: string, zoom: Zoom, points: number = POINTS): string {
  const range = zoom === undefined ? "" : `&from=${zoom[0]}&to=${zoom[1]}`;
  return `/api/runs/${encodeURIComponent(run)}/metrics?points=${points}${range}`;
}

/** A run's curves. @throws ApiError */
export async function fetchCurves(run: string, zoom: Zoom, signal?: AbortSignal): Promise<Curves> {
  return decodeCurves(await api.get<ArrayBuffer>(metricsPath(run, zoom), { signal }));
}

/** Everything about one run, as it changes: its state, its samples, and its curves for what is zoomed to. */
export function followRun(run: () => string, zoom: () => Zoom) {
  // What stays the same keeps its place in the page: open dialogs, and lists that are read aloud as they grow.
  const [store, setStore] = createStore<{ detail?: RunDetail | undefined }>({});
  const setDetail = (found: RunDetail | undefined) => setStore("detail", reconcile(found, { key: null, merge: true }));
  const [samples, setSamples] = createSignal<readonly SampleFile[]>([]);
  const [curves, setCurves] = createSignal<Curves>();
  const [error, setError] = createSignal<ApiError>();
  const [gone, setGone] = createSignal<string>();
  const [lost, setLost] = createSignal(false);
  let [tail, asking] = [0, new AbortController()];

  const refresh = async () => {
    asking.abort();
    const mine = new AbortController();
    asking = mine;
    try {
      const found = await fetchCurves(run(), zoom(), mine.signal);
      if (mine.signal.aborted) return;
      tail = 0;
      setCurves(found);
    } catch {
      // The stream of events tells what is wrong.
    }
  };
  const onRows = (rows: LiveRows) => {
    const known = curves();
    const end = zoom()?.[1] ?? Number.POSITIVE_INFINITY;
    // Rows beyond what is shown wait until they are asked for.
    if (known === undefined || end < known.lastStep) return;
    setCurves(appendRows(known, rows));
    tail += rows.steps.length;
    if (tail > TAIL && curves()!.steps.length > POINTS) void refresh();
  };

  createEffect(
    on(run, (name) => {
      setDetail(undefined);
      setSamples([]);
      setCurves(undefined);
      setError(undefined);
      setGone(undefined);
      let stop = () => {};
      let ended = false;
      // Beside the curves, which the stream of events begins after.
      api.get<RunDetail>(`/api/runs/${encodeURIComponent(name)}`).then(
        (found) => {
          if (!ended && store.detail === undefined) setDetail(found);
        },
        () => undefined, // The stream tells why.
      );
      void refresh().then(() => {
        if (ended) return;
        const after = curves()?.rows ?? 0;
        stop = api.events(
          `/api/runs/${encodeURIComponent(name)}/live?after=${after}`,
          ({ event, data }) => {
            if (event === "run") setDetail(data as RunDetail);
            else if (event === "samples") setSamples(data as SampleFile[]);
            else if (event === "rows") onRows(data as LiveRows);
            else if (event === "reset") void refresh();
            else if (event === "gone") {
              setGone((data as { message: string }).message);
              stop();
            }
          },
          { onError: setError, onState: (state) => setLost(state === "lost") },
        );
      });
      onCleanup(() => {
        ended = true;
        stop();
        asking.abort();
      });
    }),
  );
  createEffect(on(zoom, () => void refresh(), { defer: true }));
  return { detail: () => store.detail, samples, curves, error, gone, lost };
}
