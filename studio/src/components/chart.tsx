import { createEffect, createSignal, type JSX, onCleanup, onMount } from "solid-js";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import "../styles/chart.css";
import { shortNumber } from "../numbers.ts";
import { theme } from "../theme.ts";
import { aligned, type ChartLine, isPositive, lastOf } from "./curve-data.ts";

/** Steps between which a chart shows its lines; undefined for all. */
export type Zoom = readonly [from: number, to: number] | undefined;

export interface ChartProps {
  readonly title: string;
  readonly lines: readonly ChartLine[];
  /** A logarithmic axis, where all values are above 0. */
  readonly log?: boolean;
  readonly zoom?: Zoom;
  /** Told what was chosen by dragging, and undefined after a double click. */
  readonly onZoom?: ((zoom: Zoom) => void) | undefined;
  /** Charts of one word move their cursors together. */
  readonly sync?: string | undefined;
  /** Pixels. Default 220. */
  readonly height?: number | undefined;
}

const waiting = new Set<() => void>();

/** One chart a frame: where many change at once, the page answers between them. */
function inTurn(draw: () => void): void {
  if (waiting.size === 0) requestAnimationFrame(drawNext);
  waiting.add(draw);
}

function drawNext(): void {
  const [draw] = waiting;
  if (draw === undefined) return;
  waiting.delete(draw);
  if (waiting.size > 0) requestAnimationFrame(drawNext);
  draw();
}

/** Curves over steps. New data keep the zoom. For those who do not see it, its title tells where each line stands. */
export function Chart(props: ChartProps): JSX.Element {
  let frame!: HTMLDivElement;
  let plot: uPlot | undefined;
  let shape = "";
  const [width, setWidth] = createSignal(0);
  const system = watchSystemTheme();
  onMount(() => {
    const watch = new ResizeObserver(() => setWidth(Math.floor(frame.clientWidth)));
    watch.observe(frame);
    setWidth(Math.floor(frame.clientWidth));
    onCleanup(() => {
      watch.disconnect();
      plot?.destroy();
    });
  });
  const draw = () => {
    if (width() === 0) return;
    const log = (props.log ?? false) && isPositive(props.lines);
    const data = aligned(props.lines) as uPlot.AlignedData;
    const lines = props.lines.map(({ label, colour, faint, band, dots }) => [label, colour, faint, band !== undefined, dots]);
    // Whatever a chart cannot change in place makes a new one.
    const wanted = JSON.stringify([lines, log, theme(), system(), props.height, props.sync]);
    if (plot === undefined || wanted !== shape) {
      plot?.destroy();
      plot = new uPlot(options(props, { width: width(), log }), data, frame);
      shape = wanted;
    } else {
      if (plot.width !== width()) plot.setSize({ width: width(), height: props.height ?? 220 });
      plot.setData(data);
    }
  };
  createEffect(() => {
    void [width(), props.lines, props.log, props.zoom, theme(), system(), props.height, props.sync];
    inTurn(draw);
  });
  onCleanup(() => waiting.delete(draw));
  return (
    <figure class="chart">
      <figcaption>
        <span>{props.title}</span>
        <span class="legend">
          {props.lines
            .filter(({ faint }) => !faint)
            .map((line) => (
              <span class="key">
                <i style={{ background: `var(--series-${line.colour})` }} />
                {line.label} <b>{shortNumber(lastOf(line)?.value)}</b>
              </span>
            ))}
        </span>
      </figcaption>
      <div ref={frame} class="plot" role="img" aria-label={told(props)} style={{ height: `${props.height ?? 220}px` }} />
    </figure>
  );
}

function told({ title, lines }: ChartProps): string {
  const ends = lines
    .filter(({ faint }) => !faint)
    .map((line) => `${line.label} ${shortNumber(lastOf(line)?.value)} at step ${lastOf(line)?.step ?? 0}`);
  return `Chart of ${title}: ${ends.join(", ")}`;
}

function options(props: ChartProps, { width, log }: { width: number; log: boolean }): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  for (const line of props.lines) {
    const stroke = colour(`--series-${line.colour}`);
    if (line.band !== undefined) {
      bands.push({ series: [series.length + 1, series.length], fill: `${stroke}55` });
      for (const _ of ["low", "high"]) series.push({ stroke: "transparent", width: 0, points: { show: false }, spanGaps: true });
    }
    const points = line.dots ? { show: true, size: 5, fill: stroke, stroke } : { show: false };
    series.push({ label: line.label, stroke: line.faint ? `${stroke}55` : stroke, width: line.faint ? 1 : 1.75, points, spanGaps: true });
  }
  const axis = {
    stroke: colour("--ink-soft"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  return {
    width,
    height: props.height ?? 220,
    series,
    bands,
    legend: { show: false },
    padding: [8, 20, 0, 0],
    scales: {
      x: { time: false, range: (_, least, most) => [...(props.zoom ?? around(least, most))] as [number, number] },
      y: { distr: log ? 3 : 1 },
    },
    axes: [
      { ...axis, values: (_, steps) => steps.map((step) => compact(step)), size: 30 },
      { ...axis, values: (_, values) => values.map((value) => (value === null ? "" : shortNumber(value, 3))), size: 62 },
    ],
    cursor: {
      ...(props.sync === undefined ? {} : { sync: { key: props.sync, scales: ["x", null] } }),
      points: { size: 6 },
      drag: { x: true, y: false, setScale: false },
    },
    hooks: {
      setSelect: [
        (self) => {
          if (self.select.width < 4) return;
          const [from, to] = [self.posToVal(self.select.left, "x"), self.posToVal(self.select.left + self.select.width, "x")];
          self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          props.onZoom?.([Math.max(0, Math.round(from)), Math.round(to)]);
        },
      ],
      ready: [(self) => self.over.addEventListener("dblclick", () => props.onZoom?.(undefined))],
    },
  };
}

/** A single step is shown with some room around it. */
function around(least: number | null, most: number | null): [number, number] {
  const [from, to] = [least ?? 0, most ?? 1];
  return from === to ? [from - 1, to + 1] : [from, to];
}

function compact(step: number): string {
  return step >= 10_000 ? `${Number((step / 1000).toPrecision(4))}k` : String(step);
}

function watchSystemTheme(): () => boolean {
  const query = matchMedia("(prefers-color-scheme: dark)");
  const [dark, setDark] = createSignal(query.matches);
  const listen = () => setDark(query.matches);
  query.addEventListener("change", listen);
  onCleanup(() => query.removeEventListener("change", listen));
  return dark;
}
