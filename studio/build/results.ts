import type { Result } from "../src/pages/garden/result.ts";

/**
 * Results by model, read off docs/results.md: the rows of tables with the columns `ours` and `twin` whose first cell names a model, by a link to its page or by
 * the words of a row above that has one.
 */
export function resultsOf(markdown: string): Record<string, Result[]> {
  const results: Record<string, Result[]> = {};
  const models = new Map<string, string>();
  let columns: string[] = [];
  for (const line of markdown.split("\n")) {
    if (!line.startsWith("|")) {
      columns = [];
      continue;
    }
    const cells = line
      .slice(1)
      .replace(/\|\s*$/, "")
      .split("|")
      .map((cell) => cell.trim());
    if (columns.length === 0) columns = cells;
    else if (columns.includes("ours") && columns[0].startsWith("model") && !/^-+$/.test(cells[0])) {
      const [, title, linked] = /^\[([^\]]+)\]\(models\/([\w-]+)\.md\)/.exec(cells[0]) ?? [];
      const words = cells[0].replace(/[,`(].*$/, "").trim();
      if (linked !== undefined) models.set(title, linked);
      const model = linked ?? models.get(words) ?? words.toLowerCase();
      const cell = (name: string) => plain(cells[columns.indexOf(name)] ?? "");
      results[model] ??= [];
      results[model].push({
        preset: /`([\w-]+)`/.exec(cells[0])?.[1] ?? "",
        data: cell("data") || "CIFAR-10",
        measure: cell("measure") || "test accuracy, %",
        ours: cell("ours"),
        twin: cell("twin"),
      });
    }
  }
  return results;
}

function plain(cell: string): string {
  return cell.replace(/\[([^\]]+)\]\([^)]*\)/g, "$1").replace(/`/g, "");
}
