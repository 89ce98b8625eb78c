/** Fresh pictures of a model, with what is wished for, given or shown on the way. */
import { UsageError } from "../core/errors.ts";
import { RandomStreams } from "../core/streams.ts";
import type { GivenPictures, ModelRecord, Pictures } from "../models/index.ts";
import type { Module } from "../nn/module.ts";
import type { Backend } from "../runtime/backend.ts";
import { compile } from "../runtime/program.ts";
import { keepKnown } from "../sample/known.ts";

export interface ViewContext {
  record: ModelRecord;
  config: unknown;
  network: Module;
  backend: Backend;
}

export interface SampleWishes {
  /** [count, K], for models that take conditions. */
  conditions?: Float32Array | undefined;
  /** Pictures of which a part is known, for models that fill in. Known pixels come back exactly. */
  given?: GivenPictures | undefined;
  /** Called with a copy of what the sampler shows on its way, the finished pictures last. */
  onFrame?: ((pictures: Pictures) => void) | undefined;
}

/**
 * Fresh pictures; the same seed gives the same codes, so grids of one run compare. The model must be able to sample.
 * @throws UsageError for given pictures where the model cannot fill in
 */
export async function drawSamples(
  { record, network, backend }: ViewContext,
  count: number,
  seed: number | string,
  { conditions, given, onFrame }: SampleWishes = {},
): Promise<Pictures> {
  if (given !== undefined && record.fills !== true) {
    throw new UsageError({
      what: `The model "${record.name}" cannot fill in a given picture.`,
      hint: "models that paint pixel by pixel can: atelier models lists them",
    });
  }
  const streams = new RandomStreams(seed);
  let last: Pictures | undefined;
  const compileSample = ((build, options) =>
    compile(backend, build, { name: `${record.name} sampling`, ...options, streams })) as Parameters<
    NonNullable<ModelRecord["sample"]>
  >[1]["compile"];
  for await (const pictures of record.sample!(network, { count, conditions, given, compile: compileSample })) {
    last = pictures;
    onFrame?.(withKnown(pictures, given));
  }
  return given === undefined ? last! : withKnown(last!, given);
}

/** A copy with the known pixels as they were given. */
function withKnown({ data, shape }: Pictures, given: GivenPictures | undefined): Pictures {
  const copy = data.slice();
  if (given !== undefined) keepKnown(copy, given.data, given.known, shape);
  return { data: copy, shape };
}
