/** How the points of a run come about: an animated picture of the whole training. */
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { writeFileAtomic } from "../core/node/files.ts";
import type { ExampleSet } from "../data/dataset.ts";
import type { PointSet } from "../data/points.ts";
import { appendFrame } from "../report/apng.ts";
import { planePanels } from "../report/plane.ts";
import { samplePanel } from "./points.ts";
import type { Run } from "./registry.ts";
import type { ViewContext } from "./sampling.ts";

/** Frames of a whole training. */
const FRAMES = 32;
/** Points of a frame, and the side of its panel in pixels: the file stays in the hundreds of kilobytes. */
const [POINTS, SIDE] = [500, 180] as const;

/** `samples/training.png`: the same codes, drawn again and again while the model learns. */
export class PointAnimation {
  readonly file: string;
  readonly #held: PointSet;
  /** Steps between two frames. */
  readonly #every: number;

  private constructor(run: Run, held: PointSet, totalSteps: number) {
    this.file = path.join(run.samplesFolder, "training.png");
    this.#held = held;
    this.#every = Math.max(1, Math.ceil(totalSteps / FRAMES));
  }

  /** @returns undefined for pictures, points that are not in a plane, and models that draw none */
  static open(run: Run, { record }: Pick<ViewContext, "record">, held: ExampleSet, totalSteps: number): PointAnimation | undefined {
    if (held.kind !== "points" || held.shape[0] !== 2 || record.sample === undefined) return undefined;
    return new PointAnimation(run, held, totalSteps);
  }

  /** Whether a frame is due after a step. */
  due(step: number): boolean {
    return step % this.#every === 0;
  }

  /** Append the frame of a step. What lies behind it in the file, from steps that a resumed run does again, is replaced. */
  async add(context: ViewContext, seed: string, step: number): Promise<void> {
    await mkdir(path.dirname(this.file), { recursive: true });
    const before = Math.round(step / this.#every) - 1;
    const file = before === 0 ? undefined : await readFile(this.file).catch(() => undefined);
    const panel = await samplePanel(context, this.#held, { seed, count: POINTS, title: `step ${step}` });
    await writeFileAtomic(this.file, appendFrame(file, planePanels([panel], { side: SIDE }), before, { delay: 120 }));
  }
}
