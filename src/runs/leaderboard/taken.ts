/** Finished runs that take part in a leaderboard as they are. */
import { UsageError } from "../../core/errors.ts";
import type { ImageShape } from "../../data/dataset.ts";
import { findModel, numericShape } from "../../models/index.ts";
import { loadSplit } from "../load.ts";
import { type Run, runState } from "../registry.ts";
import { hasIntegrity } from "../start.ts";
import type { BoardSettings } from "./board.ts";

/**
 * Whether a run can stand beside the others.
 * @throws UsageError for a run that never finished, of other data or of a part of them, of a model that paints nothing, or of pictures of another kind
 */
export async function requireComparable(run: Run, { data, image }: Pick<BoardSettings, "data" | "image">): Promise<void> {
  const { record } = run;
  const state = runState(run);
  if (state !== "finished") {
    throw new UsageError({
      what: `The run "${run.name}" has not finished, so its figures say nothing of its model.`,
      got: state,
      expected: "finished",
      hint: state === "training" ? "wait until it is" : `go on with it: atelier train --resume --run ${run.name}`,
    });
  }
  const model = findModel(record.model);
  if (model.sample === undefined || model.starts === "needs") {
    throw new UsageError({ what: `The model "${model.name}" of the run "${run.name}" makes no pictures from nothing.` });
  }
  if (record.data?.name !== data) throw otherData(run, record.data?.name ?? "none", data);
  if (record.data?.without !== undefined || record.training.limit !== undefined) {
    throw new UsageError({
      what: `The run "${run.name}" has seen only a part of the data.`,
      got: record.data?.without === undefined ? `limit ${record.training.limit}` : `without ${record.data.without}`,
      expected: "a run on the whole training split",
    });
  }
  const shape = numericShape(model, record.config);
  requireShape(run.name, shape, image);
  const set = await loadSplit(model, record.config, data, "train");
  if (!hasIntegrity(record.data.integrity, data, set)) throw otherData(run, `${data} of another digest`, data);
}

function otherData(run: Run, got: string, expected: string): UsageError {
  return new UsageError({
    what: `The run "${run.name}" was trained on other data. A leaderboard does not mix data sets.`,
    got,
    expected,
    hint: "a leaderboard for each data set: --data",
  });
}

/** @throws UsageError for points, and for grey pictures beside colour */
function requireShape(name: string, shape: readonly number[], image: ImageShape): void {
  if (shape.length === 3 && shape[0] === image[0]) return;
  throw new UsageError({
    what: `The run "${name}" does not paint pictures of the leaderboard's kind.`,
    got: shape.length === 3 ? `${shape[0]} channel(s)` : `vectors of ${shape.join()}`,
    expected: `${image[0]} channel(s)`,
  });
}
