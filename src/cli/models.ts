import type { Command } from "commander";
import { RandomStream } from "../core/random.ts";
import type { ModelRecord } from "../models/index.ts";
import { summary } from "../nn/module.ts";
import { formatNumber, tableText } from "./format.ts";
import type { SettingInfo } from "./settings.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

export const verb: Verb = {
  name: "models",
  summary: "The garden: every model, or one model's card",
  register(program, io) {
    addCommand(program, "models", verb.summary)
      .argument("[name]", "show this model's card")
      .action((name: string | undefined, _options: unknown, command: Command) =>
        name === undefined ? list(io, wantsJson(command)) : card(name, io, wantsJson(command)),
      );
  },
};

async function list(io: Io, json: boolean): Promise<void> {
  const { models } = await import("../models/index.ts");
  const rows = models.map((record) => ({
    name: record.name,
    family: record.family,
    year: record.year,
    title: record.title,
    paper: record.paper,
    presets: Object.keys(record.presets),
    ...countParameters(record, "small"),
    data: record.data.sets,
    metrics: Object.keys(record.metricInfo),
  }));
  if (json) {
    printJson(io, rows);
    return;
  }
  const cells = rows.map((row) => [
    row.name,
    row.family,
    String(row.year),
    row.title,
    formatNumber(row.total),
    row.data.join(", "),
    row.metrics.join(", "),
  ]);
  io.stdout.write(tableText(["model", "family", "year", "title", "parameters", "data", "metrics"], cells));
}

async function card(name: string, io: Io, json: boolean): Promise<void> {
  const { z } = await import("zod");
  const { defaultTraining, findModel, trainingSettings } = await import("../models/index.ts");
  const { describeSettings } = await import("./settings.ts");
  const record = findModel(name);
  const presets = Object.entries(record.presets).map(([preset, { about, config, training, data }]) => ({
    preset,
    data: data ?? record.data.sets[0],
    about,
    ...countParameters(record, preset),
    config,
    training,
  }));
  const schema = z.strictObject({ ...record.config.shape, ...trainingSettings.shape });
  const settings = describeSettings(schema, {
    ...(record.presets.small.config as object),
    ...defaultTraining,
    ...record.presets.small.training,
  });
  const sampling = record.sampling === undefined ? [] : describeSettings(record.sampling, {});
  if (json) {
    const { title, family, year, paper, summary, metricInfo } = record;
    const data = record.data.sets;
    printJson(io, { name, title, family, year, paper, summary, data, presets, settings, sampling, metrics: metricInfo });
    return;
  }
  writeCard(io, record, { presets, settings, sampling });
}

interface CardTables {
  presets: readonly { preset: string; data: string | undefined; total: number; trainable: number; about: string }[];
  settings: readonly SettingInfo[];
  sampling: readonly SettingInfo[];
}

function writeCard(io: Io, record: ModelRecord, { presets, settings, sampling }: CardTables): void {
  io.stdout.write(
    `${record.title} (${record.name}), ${record.family}, ${record.year}\n${record.summary}\nPaper: ${record.paper}\nData: ${record.data.sets.join(", ")}\n\n`,
  );
  io.stdout.write(
    tableText(
      ["preset", "data", "parameters", "trainable", "about"],
      presets.map((p) => [p.preset, p.data ?? "", formatNumber(p.total), formatNumber(p.trainable), p.about]),
    ),
  );
  io.stdout.write("\n");
  io.stdout.write(
    tableText(
      ["setting", "small", "type", "meaning"],
      settings.map((s) => [s.key, JSON.stringify(s.default), s.type, s.description]),
    ),
  );
  io.stdout.write("\n");
  if (sampling.length > 0) {
    const rows = sampling.map((s) => [s.key, JSON.stringify(s.default), s.type, s.description]);
    io.stdout.write(`${tableText(["--sampling", "default", "type", "meaning"], rows)}\n`);
  }
  io.stdout.write(
    tableText(
      ["metric", "unit", "better", "meaning"],
      Object.entries(record.metricInfo).map(([metric, info]) => [metric, info.unit, info.better, info.about]),
    ),
  );
}

/** How many numbers a preset's network holds, and how many of them are trained (the rest are running statistics). */
function countParameters(record: ModelRecord, preset: string): { total: number; trainable: number } {
  const { config } = record.presets[preset as keyof ModelRecord["presets"]];
  const { total, trainable } = summary(record.build(config, new RandomStream(0, "count")));
  return { total, trainable };
}
