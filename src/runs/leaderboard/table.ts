/** A leaderboard as a table in Markdown, as lines of JSON, and as a picture. */
import { writeFileAtomic } from "../../core/node/files.ts";
import type { ImageSet, ImageShape } from "../../data/dataset.ts";
import { fitImages } from "../../data/fit.ts";
import { encodePng } from "../../report/png.ts";
import { type PictureRow, pictureRows } from "../../report/rows.ts";
import { asSet } from "../drawn.ts";
import type { MeasureName } from "../measures.ts";
import type { Board } from "./board.ts";
import type { Absent } from "./entrants.ts";
import type { BoardRow, Machine } from "./row.ts";

/** Pictures of a row. */
const ACROSS = 12;

/** Four significant digits, without exponents. */
const short = (value: number): string => (Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4))));
const fixed = (value: number, digits: number): string => value.toFixed(digits);

/** A time in the unit that fits: µs, ms or s. */
export function timeText(seconds: number): string {
  const units: [number, string][] = [
    [1, "s"],
    [1e-3, "ms"],
    [1e-6, "µs"],
  ];
  const [size, unit] = units.find(([least]) => seconds >= least) ?? units[2];
  return `${Number((seconds / size).toPrecision(3))} ${unit}`;
}

const columns = ["model", "family", "parameters", "training", "sampling", "nats", "bits/dim", "of"];
const measured: readonly MeasureName[] = ["fd", "kd", "precision", "recall", "coverage", "memorised"];

/** The nearest to the data first: by the kernel distance, which is unbiased. */
export function ranked(rows: readonly BoardRow[]): BoardRow[] {
  return [...rows].sort((a, b) => a.measures.kd.value - b.measures.kd.value);
}

/** The cells of a row, as in the table. */
function cellsOf({ name, family, parameters, training, sampling, likelihood, measures }: BoardRow): string[] {
  const { fd, kd, memorised } = measures;
  const plus = (value: number, error: number | undefined, digits: number) =>
    error === undefined ? fixed(value, digits) : `${fixed(value, digits)} ± ${fixed(error, digits)}`;
  const bound = likelihood?.kind === "bound" ? "≤ " : likelihood?.kind === "estimate" ? "≈ " : "";
  return [
    ...[name, family, parameters.toLocaleString("en-US"), `${fixed(training.seconds / 60, 1)} min`, timeText(sampling.secondsPerPicture)],
    ...(likelihood === undefined
      ? ["", "", ""]
      : [`${bound}${short(likelihood.nats)}`, `${bound}${fixed(likelihood.bitsPerDim, 3)}`, likelihood.of]),
    plus(fd.value, fd.error, 2),
    plus(kd.value, kd.error, 4),
    ...(["precision", "recall", "coverage"] as const).map((measure) => fixed(measures[measure].value, 3)),
    plus(memorised.value, memorised.error, 3),
  ];
}

/** What real pictures get, in the table's columns. */
function realCells({ measures }: BoardRow): string[] {
  const digits: Record<string, number> = { fd: 2, kd: 4 };
  const values = measured.map((measure) => fixed(measures[measure].real, digits[measure] ?? 3));
  return ["*real pictures*", ...Array<string>(columns.length - 1).fill(""), ...values];
}

/** The table with what must be known to read it. */
export function tableText(board: Pick<Board, "settings">, rows: readonly BoardRow[], absent: readonly Absent[], command: string): string {
  const { data, image, minutes, samples, seed } = board.settings;
  const order = ranked(rows);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const head = [...columns, ...measured];
  const machines = [...new Set(rows.map(({ machine }) => machineText(machine)))];
  const dates = [...new Set(rows.map(({ machine }) => machine.date))].sort();
  const notes = [...order.flatMap((row) => row.notes), ...absent.map(({ model, because }) => `${model} takes no part: ${because}`)];
  return [
    `# Leaderboard: ${data}`,
    "",
    `Pictures of ${image.join(" x ")}; ${minutes} minutes of training steps each; ${samples} samples of seed ${seed}; features ${rows[0]?.features ?? "of none"}. \`${command}\``,
    "",
    line(head),
    line(head.map(() => "---")),
    ...order.map((row) => line(cellsOf(row))),
    ...(order.length === 0 ? [] : [line(realCells(order[0]))]),
    "",
    ...notes.map((note) => `- ${note}`),
    ...(notes.length === 0 ? [] : [""]),
    `${machines.join("; ")}; ${dates.join(", ")}.`,
    "",
  ].join("\n");
}

function machineText({ processor, cores, threads, runtime, node }: Machine): string {
  const used = threads === 1 ? "1 thread" : `${threads || "all"} threads`;
  return `${processor}, ${cores} cores, ${used}, ${runtime}, Node ${node}`;
}

/** Write NAME.md, NAME.jsonl and NAME.png. @returns their paths @throws FileError when they cannot be written */
export async function writeBoard(
  board: Board,
  rows: readonly BoardRow[],
  real: ImageSet,
  { absent, command, out }: { absent: readonly Absent[]; command: string; out: string },
): Promise<string[]> {
  const base = out.replace(/\.md$/, "");
  const files = [`${base}.md`, `${base}.jsonl`];
  await writeFileAtomic(files[0], tableText(board, rows, absent, command));
  const order = ranked(rows);
  const settings = { board: board.name, ...board.settings };
  await writeFileAtomic(files[1], order.map((row) => `${JSON.stringify({ ...row, settings })}\n`).join(""));
  if (order.length === 0) return files;
  const { image } = board.settings;
  const pictures: PictureRow[] = [{ label: "real pictures", pictures: firstOf(real, image) }];
  for (const { name, shape } of order) {
    const drawn = asSet(await board.samples(name, 1), { ...real, shape });
    pictures.push({ label: name, pictures: firstOf(fitImages(drawn, image), image) });
  }
  const png = encodePng(pictureRows(pictures, Math.max(1, Math.round(48 / image[1]))), { Software: "atelier", leaderboard: board.name });
  await writeFileAtomic(`${base}.png`, png);
  return [...files, `${base}.png`];
}

function firstOf({ images, count }: ImageSet, shape: ImageShape) {
  const some = Math.min(ACROSS, count);
  const size = shape.reduce((a, b) => a * b, 1);
  return { data: images.subarray(0, some * size), shape: [some, ...shape] as const };
}
