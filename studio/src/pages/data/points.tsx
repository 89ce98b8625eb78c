import { createEffect, createSignal, type JSX, onCleanup, Show } from "solid-js";
import type { PointOverview } from "../../../../src/studio/data.ts";
import { Bars } from "../../components/bars.tsx";
import { Card } from "../../components/card.tsx";
import { CheckField } from "../../components/field.tsx";
import { theme } from "../../theme.ts";
import { countText } from "./words.ts";

/** Points on their exact density. */
export function PointSetView(props: { overview: PointOverview }): JSX.Element {
  const [shown, setShown] = createSignal({ points: true, density: true });
  const drawn = () => props.overview.points.length / 2;
  const words = () => {
    const { bounds, labels } = props.overview;
    const classes = labels.length === 0 ? "" : ` of ${labels.length} classes (${labels.map(({ name }) => name).join(", ")})`;
    return `${countText(drawn())} points${classes} between ${bounds.x[0]} and ${bounds.x[1]} across and ${bounds.y[0]} and ${bounds.y[1]} up, over their density`;
  };
  return (
    <div class="halves">
      <Card title="Points and density">
        <div class="controls">
          <CheckField label="points" value={shown().points} onValue={(points) => setShown({ ...shown(), points })} />
          <CheckField label="density" value={shown().density} onValue={(density) => setShown({ ...shown(), density })} />
        </div>
        <Plane overview={props.overview} shown={shown()} words={words()} />
        <p class="hint">
          The first {countText(drawn())} of {countText(props.overview.count)} points. Entropy {props.overview.entropy.toFixed(4)} nats: the
          negative log-likelihood of the truth, which no model beats.
        </p>
      </Card>
      <Show when={props.overview.labels.length > 0}>
        <Card title="Label balance">
          <Bars label="Points of each class" rows={props.overview.labels} total={props.overview.count} />
        </Card>
      </Show>
    </div>
  );
}

const SIDE = 520;

function Plane(props: { overview: PointOverview; shown: { points: boolean; density: boolean }; words: string }): JSX.Element {
  let canvas!: HTMLCanvasElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const [dark, setDark] = createSignal(system.matches);
  const change = () => setDark(system.matches);
  system.addEventListener("change", change);
  onCleanup(() => system.removeEventListener("change", change));
  createEffect(() => {
    // Colours are read anew whenever the theme changes.
    theme();
    dark();
    draw(canvas, props.overview, props.shown);
  });
  return <canvas ref={canvas} class="plane" width={2 * SIDE} height={2 * SIDE} role="img" aria-label={props.words} />;
}

function draw(
  canvas: HTMLCanvasElement,
  { bounds, density, points, classes }: PointOverview,
  shown: { points: boolean; density: boolean },
): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  const style = getComputedStyle(document.documentElement);
  const side = canvas.width;
  context.clearRect(0, 0, side, side);
  // Both axes at one scale, so that a circle looks like one.
  const span = Math.max(bounds.x[1] - bounds.x[0], bounds.y[1] - bounds.y[0]);
  const scale = side / span;
  const left = (bounds.x[0] + bounds.x[1] - span) / 2;
  const top = (bounds.y[0] + bounds.y[1] + span) / 2;
  if (shown.density) {
    const [width, height] = [((bounds.x[1] - bounds.x[0]) * scale) / density.columns, ((bounds.y[1] - bounds.y[0]) * scale) / density.rows];
    context.fillStyle = style.getPropertyValue("--series-2");
    density.values.forEach((value, i) => {
      if (value === 0) return;
      context.globalAlpha = value / 255;
      const x = (bounds.x[0] - left) * scale + (i % density.columns) * width;
      const y = (top - bounds.y[1]) * scale + Math.floor(i / density.columns) * height;
      context.fillRect(Math.floor(x), Math.floor(y), Math.ceil(width), Math.ceil(height));
    });
  }
  if (!shown.points) return;
  context.globalAlpha = 0.75;
  const colours = Array.from({ length: 6 }, (_, k) => style.getPropertyValue(`--series-${k + 1}`));
  for (let i = 0; i < points.length / 2; i++) {
    context.fillStyle = colours[classes.length === 0 ? 0 : [0, 2, 3, 4, 5, 1][classes[i] % 6]];
    context.fillRect((points[2 * i] - left) * scale - 2, (top - points[2 * i + 1]) * scale - 2, 4, 4);
  }
  context.globalAlpha = 1;
}
