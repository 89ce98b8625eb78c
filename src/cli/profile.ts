import type { Command } from "commander";
import { unknownName } from "../core/errors.ts";
import { type ExampleSet, isPoint } from "../data/dataset.ts";
import { tokensInMemory } from "../data/text/tokens.ts";
import { isWindow, type TokenShape, windowSet } from "../data/token-set.ts";
import { type ModelRecord, numericShape, textShape } from "../models/model.ts";
import type { ProfileKey, ProgramProfile } from "../runtime/profile.ts";
import { showActivity } from "./activity.ts";
import { startWithAllocator } from "./allocator.ts";
import { checkDevice, repeated, wholeNumber } from "./options.ts";
import { presetName } from "./train.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface ProfileOptions {
  preset?: string;
  set?: string[];
  batch?: number;
  runs: number;
  by: string;
  device: string;
}

const keys: readonly ProfileKey[] = ["op", "layer", "operator", "node"];

export const verb: Verb = {
  name: "profile",
  summary: "Where the time of a model's training step goes",
  register(program, io) {
    addCommand(program, "profile", verb.summary)
      .argument("<model>", "a model of the garden (atelier models)")
      .option("--preset <name>", "smoke, small or paper (default: small)")
      .option("--set <key=value>", "change a setting; may be repeated (atelier models MODEL lists them)", repeated)
      .option("--batch <n>", "examples a step", wholeNumber(1))
      .option("--runs <n>", "how many runs are averaged", wholeNumber(1), 10)
      .option("--by <key>", `what times are added up by: ${keys.join(", ")}`, "op")
      .option("--device <name>", "cpu, webgpu, cuda, coreml or dml", "cpu")
      .action((model: string, options: ProfileOptions, command: Command) => profileModel(model, options, io, wantsJson(command)));
  },
};

async function profileModel(model: string, options: ProfileOptions, io: Io, json: boolean): Promise<void> {
  checkDevice(options.device);
  const by = keys.find((key) => key === options.by);
  if (by === undefined) throw unknownName("key", options.by, keys);
  const { findModel } = await import("../models/index.ts");
  const record = findModel(model);
  const preset = presetName(options.preset, Object.keys(record.presets));
  await startWithAllocator(io);
  const profiles = await runProfiles(record, preset, options, io, json);
  const { profileTable, sumProfile } = await import("../runtime/profile.ts");
  const rows = (profile: ProgramProfile) => ({
    runs: profile.runs,
    microseconds: profile.runMicroseconds,
    by,
    rows: sumProfile(profile, by),
  });
  const [[, only]] = profiles;
  if (json && profiles.length === 1) printJson(io, { model, preset, ...rows(only) });
  else if (json) printJson(io, { model, preset, phases: profiles.map(([moves, profile]) => ({ moves, ...rows(profile) })) });
  else
    for (const [moves, profile] of profiles)
      io.stdout.write(`${profiles.length > 1 ? `phase: ${moves.join(" and ")}\n` : ""}${profileTable(profile, by)}`);
}

type NamedProfile = readonly [moves: readonly string[], profile: ProgramProfile];

/** One profile a program of the step, with the players that it moves. */
async function runProfiles(record: ModelRecord, preset: string, options: ProfileOptions, io: Io, json: boolean): Promise<NamedProfile[]> {
  const { settle } = await import("./train-setup.ts");
  const { openDevice } = await import("./device.ts");
  const { TrainingSession } = await import("../train/session.ts");
  const { config, training } = settle(record, preset, options);
  const activity = showActivity(io, json);
  const backend = await openDevice(options.device, io, activity.onProgress).finally(activity.end);
  const set = noise(record, config, training.batch as number);
  const settings = training as Parameters<typeof TrainingSession.create>[0]["training"];
  const session = await TrainingSession.create({ record, config, training: settings, set, seed: 0, backend, steps: 1 });
  try {
    await session.advance();
    const profiles: NamedProfile[] = [];
    for (const { phase, program } of session.trainer.stages) profiles.push([phase.moves, await program.profile(options.runs)]);
    return profiles;
  } finally {
    await session.dispose();
  }
}

/** One batch of tokens as they come. */
function textNoise(shape: TokenShape, count: number): ExampleSet {
  const ids = (length: number, vocabulary: number) => Int32Array.from({ length }, (_, i) => (i * 131 + (i >> 8) * 29) % vocabulary);
  const about = { card: { name: "noise" } as never, split: "train" as const, digest: "" };
  if (isWindow(shape)) {
    const source = tokensInMemory(ids(count * shape.tokens + 1, shape.vocabulary), shape.vocabulary);
    return windowSet(source, { ...about, shape });
  }
  const [sources, targets] = [
    ids(count * shape.source, shape.sourceVocabulary ?? shape.vocabulary),
    ids(count * shape.target, shape.vocabulary),
  ];
  return { ...about, kind: "pairs", shape, sources, targets, texts: [], count };
}

/** One batch of pictures, points or text of noise: kernels take the same time whatever is in them. */
function noise(record: ModelRecord, config: unknown, count: number): ExampleSet {
  const text = textShape(record, config);
  if (text !== undefined) return textNoise(text, count);
  const shape = numericShape(record, config);
  const pixels = count * shape.reduce((product, dim) => product * dim, 1);
  const images = Uint8Array.from({ length: pixels }, (_, i) => (i * 131 + (i >> 8) * 29) & 255);
  const card = { name: "noise" } as never;
  const classes = Array.from({ length: record.data.conditions?.(config) ?? 1 }, (_, i) => `class ${i}`);
  if (isPoint(shape)) {
    const points = Float32Array.from(images, (byte) => byte / 64 - 2);
    return { kind: "points", card, split: "train", shape, points, labels: new Uint8Array(count), classes, count };
  }
  return { kind: "images", card, split: "train", shape, images, labels: new Uint8Array(count), classes, count };
}
