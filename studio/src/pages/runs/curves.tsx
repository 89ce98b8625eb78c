import { createMemo, createSignal, For, type JSX, Show } from "solid-js";
import type { Curve, Curves } from "../../../../src/studio/metrics.ts";
import type { MetricAbout } from "../../../../src/studio/training.ts";
import { Button } from "../../components/button.tsx";
import { Card } from "../../components/card.tsx";
import { Chart, type Zoom } from "../../components/chart.tsx";
import { type ChartLine, smooth } from "../../components/curve-data.ts";
import { CheckField, NumberField, RangeField } from "../../components/field.tsx";
import { chartGroups } from "./append.ts";

export interface CurvesProps {
  readonly curves: Curves;
  readonly zoom: Zoom;
  readonly onZoom: (zoom: Zoom) => void;
  readonly metrics: Readonly<Record<string, MetricAbout>>;
}

/** A run's metrics over its steps: one chart for each, their zoom in common. */
export function CurvesPanel(props: CurvesProps): JSX.Element {
  const [log, setLog] = createSignal(false);
  const [factor, setFactor] = createSignal(0);
  const [more, setMore] = createSignal(false);
  const groups = createMemo(() => chartGroups(props.curves.curves.map(({ name }) => name)), undefined, {
    equals: (a, b) => JSON.stringify(a) === JSON.stringify(b),
  });
  const names = createMemo(() => [...groups().main, ...(more() ? groups().other : [])]);
  return (
    <Card title="Curves" class="curves">
      <div class="chart-controls">
        <CheckField label="Logarithmic" value={log()} onValue={setLog} />
        <RangeField label="Smoothing" value={factor()} min={0} max={0.99} step={0.01} onValue={setFactor} />
        <ZoomFields curves={props.curves} zoom={props.zoom} onZoom={props.onZoom} />
        <CheckField label="Learning rate, times, gradients" value={more()} onValue={setMore} />
      </div>
      <p class="hint">{rowsText(props.curves)} Drag in a chart to zoom, double-click to see all.</p>
      <div class="charts">
        <For each={names()}>
          {(name) => (
            <Chart
              title={name}
              lines={linesOf(props.curves, name, factor())}
              log={log()}
              zoom={props.zoom}
              onZoom={props.onZoom}
              sync="run"
            />
          )}
        </For>
      </div>
      <NotFinite curves={props.curves.curves} />
    </Card>
  );
}

/** A term, its held-out twin, and behind them what smoothing takes away: the extremes of each point, or the points themselves. */
function linesOf({ steps, stretch, curves }: Curves, name: string, factor: number): ChartLine[] {
  const curve = curves.find((each) => each.name === name);
  const twin = curves.find((each) => each.name === `heldOut.${name}`);
  const lines: ChartLine[] = [];
  if (curve !== undefined) {
    const few = Array.from(curve.mean).filter((value) => Number.isFinite(value)).length < 40;
    const main = { label: name.startsWith("heldOut.") ? "held out" : "training", colour: 1, steps };
    if (factor > 0 && stretch === 1) lines.push({ ...main, values: curve.mean, faint: true });
    const band = stretch === 1 ? undefined : { low: curve.low, high: curve.high };
    lines.push({ ...main, values: factor > 0 ? smooth(curve.mean, factor) : curve.mean, band, dots: few });
  }
  if (twin !== undefined) lines.push({ label: "held out", colour: 2, steps, values: twin.mean, dots: true });
  return lines;
}

function rowsText({ rows, stretch }: Curves): string {
  if (stretch === 1) return `${rows.toLocaleString("en")} steps logged.`;
  return `${rows.toLocaleString("en")} steps logged; a point is the mean of ${stretch}, the band behind it their extremes.`;
}

/** The zoom as numbers, for those who do not drag. */
function ZoomFields(props: Pick<CurvesProps, "curves" | "zoom" | "onZoom">): JSX.Element {
  const from = () => props.zoom?.[0] ?? props.curves.firstStep;
  const to = () => props.zoom?.[1] ?? props.curves.lastStep;
  const set = (next: readonly [number, number]) => {
    if (Number.isFinite(next[0]) && Number.isFinite(next[1]) && next[0] < next[1]) props.onZoom(next);
  };
  return (
    <div class="zoom">
      <NumberField label="From step" value={from()} min={0} step={1} onValue={(value) => set([value, to()])} />
      <NumberField label="to" value={to()} min={0} step={1} onValue={(value) => set([from(), value])} />
      <Button disabled={props.zoom === undefined} onClick={() => props.onZoom(undefined)}>
        All steps
      </Button>
    </div>
  );
}

function NotFinite(props: { curves: readonly Curve[] }): JSX.Element {
  const found = () => props.curves.filter(({ notFinite }) => notFinite > 0);
  return (
    <Show when={found().length > 0}>
      <p class="wrong">
        Not finite:{" "}
        {found()
          .map(({ name, notFinite }) => `${notFinite} values of ${name}`)
          .join(", ")}
        .
      </p>
    </Show>
  );
}
