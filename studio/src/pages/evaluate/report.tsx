import { type JSX, Show } from "solid-js";
import { type EvaluationReport, errorText, type FoundBy, figureText } from "../../../../src/studio/evaluation.ts";
import { Bars, shareText } from "../../components/bars.tsx";
import { Card } from "../../components/card.tsx";
import { FigureTable } from "../../components/figures.tsx";
import { Table } from "../../components/table.tsx";
import { Neighbours } from "./neighbours.tsx";

/** What an evaluation found. */
export function Report(props: { report: EvaluationReport }): JSX.Element {
  const count = (number: number) => number.toLocaleString("en");
  return (
    <div class="stack">
      <p class="soft">
        Step {count(props.report.step)}, on {count(props.report.count)} held-out {props.report.noun} of {props.report.data}, in{" "}
        {props.report.seconds} s.
      </p>
      <Show when={props.report.note}>{(note) => <p class="hint">{note()}</p>}</Show>
      <Card title="On held-out data">
        <FigureTable caption="The model's own metrics on held-out data" figures={props.report.metrics} />
      </Card>
      <Show when={props.report.estimates.length > 0}>
        <Card title="Of the whole model">
          <FigureTable caption="Figures of the whole model with standard errors" figures={props.report.estimates} />
        </Card>
      </Show>
      <Show when={props.report.measures.length > 0}>
        <Card title="Samples against data">
          <p class="hint">
            {count(props.report.samples)} samples
            <Show when={props.report.features}>{(features) => ` by the features ${features()}`}</Show>
            <Show when={props.report.reference}>
              {(reference) => `, against ${count(reference().heldOut)} held-out and ${count(reference().training)} training pictures`}
            </Show>
            . "Real data" is what real examples get in the samples' place.
          </p>
          <FigureTable caption="Samples against data" figures={props.report.measures} />
        </Card>
      </Show>
      <Show when={props.report.modes}>
        {(modes) => (
          <Card title="Modes">
            <p>
              {modes().hit} of {modes().count} modes are hit.
            </p>
            <Bars label="Samples in each mode" rows={modes().each.map((samples, k) => ({ name: `mode ${k + 1}`, count: samples }))} />
          </Card>
        )}
      </Show>
      <Show when={props.report.found}>{(found) => <Found report={props.report} found={found()} />}</Show>
      <Show when={props.report.closest}>{(closest) => <Neighbours report={props.report} closest={closest()} />}</Show>
    </div>
  );
}

function Found(props: { report: EvaluationReport; found: FoundBy }): JSX.Element {
  const counted = () => props.found.rows.some(({ count }) => count !== undefined);
  const columns = () => {
    const { rows } = props.found;
    return [
      { title: counted() ? "class" : "attribute", cell: ({ name }: (typeof rows)[number]) => name },
      ...(counted()
        ? [{ title: "samples", number: true, cell: ({ count }: (typeof rows)[number]) => (count ?? 0).toLocaleString("en") }]
        : []),
      ...(rows.some(({ share }) => share !== undefined)
        ? [
            { title: "of the samples", number: true, cell: ({ share }: (typeof rows)[number]) => shareText(share ?? 0) },
            { title: "of held-out data", number: true, cell: ({ held }: (typeof rows)[number]) => shareText(held ?? 0) },
          ]
        : []),
      ...(rows.some(({ right }) => right !== undefined)
        ? [
            {
              title: "as asked for",
              number: true,
              cell: ({ right }: (typeof rows)[number]) => (right === undefined ? "" : shareText(right)),
            },
          ]
        : []),
    ];
  };
  return (
    <Card title="What a classifier sees in the samples">
      <div class="stack">
        <Show when={props.report.labelAccuracy}>
          {(labels) => (
            <p>
              {props.found.classifier} tells {shareText(labels().accuracy)} ± {errorText(100 * labels().error)} points of the samples as
              they were asked for.
            </p>
          )}
        </Show>
        <Show when={props.found.covered !== undefined}>
          <p>
            {props.found.classifier} finds {props.found.covered} of {props.found.rows.length} classes (at least 1 % each), mean confidence{" "}
            {figureText(props.found.confidence)}.
          </p>
        </Show>
        <Table caption="What a classifier sees in the samples" columns={columns()} rows={props.found.rows} />
      </div>
    </Card>
  );
}
