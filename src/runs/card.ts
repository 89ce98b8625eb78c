import type { ModelRecord } from "../models/index.ts";
import type { Run } from "./registry.ts";

/** The run's card in Markdown: what it is, how it was made, how good it is. */
export function cardText(run: Run, record: ModelRecord, step: number): string {
  const { data, training, config, results, command, seed, versions, device } = run.record;
  const rows = Object.entries(results).map(
    ([name, value]) =>
      `| ${name} | ${value.toPrecision(5)} | ${record.metricInfo[name]?.unit ?? ""} | ${record.metricInfo[name]?.about ?? ""} |`,
  );
  return [
    `# ${run.name}: ${record.title}`,
    "",
    record.summary,
    "",
    `Paper: ${record.paper}. Data: ${data?.name ?? "none"}. Steps: ${step}. Seed: ${seed}. Device: ${device}.`,
    "",
    "| metric | value | unit | meaning |",
    "|---|---|---|---|",
    ...rows,
    "",
    "## How it was made",
    "",
    "```",
    command.join(" "),
    "```",
    "",
    "```json",
    JSON.stringify({ config, training, versions }, null, 2),
    "```",
    "",
  ].join("\n");
}
