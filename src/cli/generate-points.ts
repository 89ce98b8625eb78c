/** What `atelier generate` does for a run of points: a scatter plot, their numbers, an animation of how they come about. */
import path from "node:path";
import { UsageError } from "../core/errors.ts";
import { writeFileAtomic } from "../core/node/files.ts";
import type { Points } from "../models/index.ts";
import { conditionsFor } from "./conditions.ts";
import { type OpenedRun, pngAbout } from "./opened.ts";
import { inFileName } from "./options.ts";
import { type Io, printJson } from "./verb.ts";

export interface GeneratePointsOptions {
  count?: number;
  seed: string;
  label?: string;
  given?: string;
  from?: string;
  frames?: string;
  out?: string;
}

/** Points drawn where no number is asked for. */
const COUNT = 1000;
/** Frames of an animation. */
const FRAMES = 40;

/**
 * Draw points and write them: as a picture over the density of the data, or as a table where `--out` ends in .csv.
 * @throws UsageError for options of pictures
 */
export async function generatePoints(
  opened: OpenedRun,
  options: GeneratePointsOptions,
  sampling: Readonly<Record<string, unknown>> | undefined,
  io: Io,
  json: boolean,
): Promise<void> {
  if (options.given !== undefined || options.from !== undefined)
    throw new UsageError({ what: "--given and --from are of pictures, and this run was set up for points." });
  const { run, model, backend } = opened;
  const { seed, count = COUNT } = options;
  const held = await opened.loadAny("test");
  if (held.kind !== "points") throw new UsageError({ what: "The run's data are no points.", where: held.card.name });
  const { EvenFrames } = await import("../sample/frames.ts");
  const { drawPoints } = await import("../runs/sampling.ts");
  const { truthPanel } = await import("../runs/points.ts");
  const { planePanels } = await import("../report/plane.ts");
  const { encodePng } = await import("../report/png.ts");
  const conditions = await conditionsFor(run, model, options, { count, seed, load: async () => held, onNote: opened.note });
  const kept = new EvenFrames<Points>(FRAMES);
  const started = performance.now();
  const onFrame = options.frames === undefined ? undefined : (points: Points) => kept.add(points);
  const points = await drawPoints({ ...model, backend }, count, seed, { conditions, sampling, onFrame });
  const seconds = (performance.now() - started) / 1000;
  const about = { ...pngAbout(opened), seed, count: String(count) };
  const raster = ({ data }: Points, title: string) => planePanels([{ ...truthPanel(held), title, points: data }], { side: 320 });
  const file = path.resolve(options.out ?? inFileName(`${run.name}-seed-${seed}.png`));
  await writeFileAtomic(file, file.endsWith(".csv") ? table(points) : encodePng(raster(points, `${count} points`), about));
  const frames = options.frames === undefined ? undefined : path.resolve(options.frames);
  if (frames !== undefined) {
    const { encodeApng } = await import("../report/apng.ts");
    const shown = kept.frames();
    if (shown.length === 1) opened.note("the model draws a point in one go: the animation has one frame");
    await writeFileAtomic(
      frames,
      encodeApng(
        shown.map((frame, i) => raster(frame, `${i + 1} of ${shown.length}`)),
        { text: about },
      ),
    );
  }
  if (json) printJson(io, { file, ...(frames === undefined ? {} : { frames }), ...about, seconds });
  else io.stdout.write(`${file}\n${frames === undefined ? "" : `${frames}\n`}`);
}

/** One point a line. */
function table({ data, shape: [count, size] }: Points): string {
  const names = size === 2 ? "x,y" : Array.from({ length: size }, (_, i) => `x${i + 1}`).join(",");
  return `${names}\n${Array.from({ length: count }, (_, i) => data.subarray(i * size, (i + 1) * size).join(",")).join("\n")}\n`;
}
