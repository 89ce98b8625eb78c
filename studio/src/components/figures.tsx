import { type JSX, Show } from "solid-js";
import { errorText, type Figure, figureText } from "../../../src/studio/evaluation.ts";
import { type Column, Table } from "./table.tsx";

/** A figure with its standard error. */
export function FigureValue(props: { figure: Figure }): JSX.Element {
  return (
    <>
      {figureText(props.figure.value)}
      <Show when={props.figure.error !== undefined}>
        <span class="soft">{props.figure.error === 0 ? " exact" : ` ± ${errorText(props.figure.error!)}`}</span>
      </Show>
    </>
  );
}

/** Which way a figure is better, in words. */
export function betterWords({ better, real }: Figure): string {
  return better === undefined ? (real === undefined ? "" : "near the real one") : `${better} is better`;
}

/** Figures with what each means. @param props.caption "Metrics on held-out data" */
export function FigureTable(props: { caption: string; figures: readonly Figure[] }): JSX.Element {
  const columns = (): Column<Figure>[] => {
    const some = (has: (figure: Figure) => boolean) => props.figures.some(has);
    return [
      { title: "figure", cell: ({ name }) => name },
      { title: "value", number: true, cell: (figure) => <FigureValue figure={figure} /> },
      ...(some(({ real }) => real !== undefined)
        ? [{ title: "real data", number: true, cell: ({ real }: Figure) => (real === undefined ? "" : figureText(real)) }]
        : []),
      { title: "unit", cell: ({ unit }) => unit },
      ...(some((figure) => betterWords(figure) !== "") ? [{ title: "which way", cell: betterWords }] : []),
      { title: "what it means", cell: ({ about }) => about },
    ];
  };
  return (
    <div class="figures">
      <Table caption={props.caption} columns={columns()} rows={props.figures} />
    </div>
  );
}
