import { For, type JSX, Show } from "solid-js";
import { type ClosePair, type ClosePairs, type EvaluationReport, figureText } from "../../../../src/studio/evaluation.ts";
import { AtlasCell, shownSize } from "../../components/atlas.tsx";
import { shareText } from "../../components/bars.tsx";
import { Card } from "../../components/card.tsx";
import { evaluationsPath } from "./run.tsx";

/** The samples nearest to training pictures, each beside its neighbours: whether the model copies. */
export function Neighbours(props: { report: EvaluationReport; closest: ClosePairs }): JSX.Element {
  const src = () => `.${evaluationsPath(props.report.run, `/${props.report.id}/neighbours.png`)}`;
  const quantile = (share: number) => props.closest.heldQuantiles.find(([part]) => part === share)?.[1];
  const words = () => {
    const { flagged } = props.closest;
    return flagged === 0
      ? "No sample lies nearer to a training picture than all but a hundredth of held-out pictures do."
      : `${flagged} of ${props.report.samples} samples (${shareText(flagged / Math.max(1, props.report.samples))}) lie nearer to a training picture than all but a hundredth of held-out pictures do: look whether they are copies.`;
  };
  return (
    <Card title="Nearest training pictures">
      <div class="stack">
        <p class={props.closest.flagged > 0 ? "told-bad" : ""}>{words()}</p>
        <p class="hint">
          The samples nearest to training pictures by features, each before its nearest ones. Held-out pictures, which nobody has copied,
          lie at {figureText(quantile(0.5))} in the middle; a tenth of them nearer than {figureText(quantile(0.1))}, a hundredth nearer than{" "}
          {figureText(quantile(0.01))}.
        </p>
        <ul class="pairs">
          <For each={props.closest.pairs}>{(pair, row) => <Pair pair={pair} row={row()} closest={props.closest} src={src()} />}</For>
        </ul>
      </div>
    </Card>
  );
}

function Pair(props: { pair: ClosePair; row: number; closest: ClosePairs; src: string }): JSX.Element {
  const size = () => shownSize(props.closest.width, props.closest.height, 64);
  const cell = (column: number, alt: string) => (
    <AtlasCell
      src={props.src}
      columns={props.closest.columns}
      rows={props.closest.pairs.length}
      index={props.row * props.closest.columns + column}
      {...size()}
      alt={alt}
    />
  );
  return (
    <li class={props.pair.flagged ? "flagged" : ""}>
      <section class="side" tabindex={0} aria-label={`Sample ${props.pair.sample} and its nearest training pictures`}>
        <figure>
          {cell(0, `sample ${props.pair.sample}`)}
          <figcaption>sample {props.pair.sample}</figcaption>
        </figure>
        <For each={props.pair.neighbours}>
          {({ index, distance }, k) => (
            <figure>
              {cell(k() + 1, `training picture ${index}`)}
              <figcaption>{figureText(distance)}</figcaption>
            </figure>
          )}
        </For>
      </section>
      <p class="hint">
        <Show when={props.pair.flagged}>
          <span class="tag bad">a copy?</span>{" "}
        </Show>
        {shareText(props.pair.heldShare)} of held-out pictures lie as near; its neighbour's own nearest is at{" "}
        {figureText(props.pair.ownDistance)}.
      </p>
    </li>
  );
}
