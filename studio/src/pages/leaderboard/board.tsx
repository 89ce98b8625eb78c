import { For, type JSX, Show } from "solid-js";
import { type BoardLine, type Figure, figureText, type Leaderboard } from "../../../../src/studio/evaluation.ts";
import { Card } from "../../components/card.tsx";
import { Facts } from "../../components/facts.tsx";
import { FigureValue } from "../../components/figures.tsx";
import { type Column, Table } from "../../components/table.tsx";
import { address } from "../../route.ts";
import { RunState } from "./state.tsx";

/** One leaderboard as a table that can be sorted by every column. */
export function Board(props: { board: Leaderboard }): JSX.Element {
  const columns = () => columnsOf(props.board);
  const first = () => columns().findIndex(({ title }) => title === "kd");
  const notes = () => props.board.lines.flatMap((line) => line.notes);
  const known = () => props.board.lines.find(({ measures }) => Object.keys(measures).length > 0)?.measures ?? {};
  return (
    <Card title={props.board.data === "" ? props.board.name : `${props.board.data} (${props.board.name})`}>
      <div class="stack">
        <Show when={props.board.broken}>{(because) => <p class="told-bad">It cannot be shown whole: {because()}.</p>}</Show>
        <Show when={props.board.lines.length > 0}>
          <p class="hint">
            Pictures of {props.board.image.join(" × ")}; {props.board.minutes} minutes of training steps each;{" "}
            {props.board.samples.toLocaleString("en")} samples; features {props.board.features}.
          </p>
          <Table caption={`Leaderboard ${props.board.name}`} columns={columns()} rows={props.board.lines} sorted={{ column: first() }} />
          <details>
            <summary>What the columns mean</summary>
            <Facts facts={[...aboutColumns, ...Object.values(known()).map(({ name, about }) => [name, about] as const)]} />
          </details>
          <ul>
            <For each={notes()}>{(note) => <li class="hint">{note}</li>}</For>
          </ul>
        </Show>
      </div>
    </Card>
  );
}

const aboutColumns = [
  ["parameters", "all of the model's trained numbers"],
  ["training", "minutes that its training steps took"],
  ["sampling", "milliseconds for one picture, drawn in batches"],
  ["bits/dim", "what it says of held-out pictures; ≤ is a bound, ≈ an estimate. Only figures of the same levels can be compared"],
] as const;

function columnsOf(board: Leaderboard): Column<BoardLine>[] {
  const measured = [...new Set(board.lines.flatMap(({ measures }) => Object.keys(measures)))];
  return [
    {
      title: "model",
      value: ({ name }) => name,
      cell: ({ name, run, hasRun }) => (hasRun ? <a href={address("evaluate", [run])}>{name}</a> : name),
    },
    { title: "samples", cell: (line) => <Strip board={board.name} line={line} /> },
    { title: "state", value: ({ state }) => state, cell: ({ state }) => <RunState state={state} /> },
    { title: "family", value: ({ family }) => family, cell: ({ family }) => family },
    number(
      "parameters",
      ({ parameters }) => parameters,
      (value) => value.toLocaleString("en"),
    ),
    number(
      "training",
      ({ trainingMinutes }) => trainingMinutes,
      (value) => `${value.toFixed(1)} min`,
    ),
    number(
      "sampling",
      ({ secondsPerPicture }) => secondsPerPicture,
      (value) => `${figureText(1000 * value)} ms`,
    ),
    {
      title: "bits/dim",
      number: true,
      value: ({ likelihood }) => likelihood?.bitsPerDim,
      cell: ({ likelihood }) => <Likelihood likelihood={likelihood} />,
    },
    ...measured.map((name) => measureColumn(name, board)),
  ];
}

function number(title: string, value: (line: BoardLine) => number | undefined, text: (value: number) => string): Column<BoardLine> {
  const cell = (line: BoardLine) => {
    const found = value(line);
    return found === undefined ? "" : text(found);
  };
  return { title, number: true, value, cell };
}

function measureColumn(name: string, { lines }: Leaderboard): Column<BoardLine> {
  const about = lines.find(({ measures }) => measures[name] !== undefined)?.measures[name].about;
  return {
    title: name,
    about,
    number: true,
    value: ({ measures }) => measures[name]?.value ?? undefined,
    cell: ({ measures }) => <Show when={measures[name]}>{(figure: () => Figure) => <FigureValue figure={figure()} />}</Show>,
  };
}

function Likelihood(props: { likelihood: BoardLine["likelihood"] }): JSX.Element {
  return (
    <Show when={props.likelihood}>
      {(found) => (
        <>
          {found().kind === "bound" ? "≤ " : found().kind === "estimate" ? "≈ " : ""}
          {found().bitsPerDim.toFixed(3)} <span class="soft">{found().of}</span>
        </>
      )}
    </Show>
  );
}

function Strip(props: { board: string; line: BoardLine }): JSX.Element {
  const src = () => `./api/leaderboards/${encodeURIComponent(props.board)}/${encodeURIComponent(props.line.name)}/samples.png`;
  return (
    <Show when={props.line.pictures > 0} fallback={<span class="soft">none</span>}>
      <img class="strip pixelated" src={src()} alt={`${props.line.pictures} samples of ${props.line.name}`} loading="lazy" />
    </Show>
  );
}
