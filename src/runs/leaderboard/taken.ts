/** Finished runs that take part in a leaderboard as they are. */
import { UsageError } from "../../core/errors.ts";
import type { ImageShape } from "../../data/dataset.ts";
import { findModel } from "../../models/index.ts";
import { type Run, runState } from "../registry.ts";
import type { BoardSettings } from "./board.ts";

/**
 * Whether a run can stand beside the others.
 * @throws UsageError for a run that never finished, of other data or of a part of them, of a model that paints nothing, or of pictures of another kind
 */
export function requireComparable(run: Run, { data, integrity, image }: Pick<BoardSettings, "data" | "integrity" | "image">): void {
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
  const other = record.data?.name !== data || (record.data.integrity !== undefined && record.data.integrity !== integrity);
  if (other) {
    throw new UsageError({
      what: `The run "${run.name}" was trained on other data. A leaderboard does not mix data sets.`,
      got: record.data?.name === data ? `${data} of another digest` : (record.data?.name ?? "none"),
      expected: data,
      hint: "a leaderboard for each data set: --data",
    });
  }
  if (record.data?.without !== undefined || record.training.limit !== undefined) {
    throw new UsageError({
      what: `The run "${run.name}" has seen only a part of the data.`,
      got: record.data?.without === undefined ? `limit ${record.training.limit}` : `without ${record.data.without}`,
      expected: "a run on the whole training split",
    });
  }
  requireShape(run.name, model.data.shape(record.config), image);
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
