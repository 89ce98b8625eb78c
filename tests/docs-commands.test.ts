import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { readSampling } from "../src/cli/sampling-options.ts";
import { capturedIo } from "../src/cli/testing/captured-io.ts";
import { presetName } from "../src/cli/train.ts";
import { settle } from "../src/cli/train-setup.ts";
import { verbs } from "../src/cli/verbs.ts";
import { findModel, models } from "../src/models/index.ts";

/** Pages of the documentation with the commands in their blocks of code and, where they have options, in their lines. */
function pages(): { page: string; commands: string[] }[] {
  // docs/api is made from the others, at some time.
  const files = readdirSync("docs", { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".md") && !file.startsWith("api"),
  );
  return ["README.md", ...files.map((file) => path.join("docs", file))]
    .map((page) => ({ page, commands: commandsOf(readFileSync(page, "utf8")) }))
    .filter(({ commands }) => commands.length > 0);
}

function commandsOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```(?:sh|bash|)\n(.*?)^```/gms)].map(([, code]) => code.replaceAll("\\\n", " "));
  const inText = [...text.matchAll(/`(atelier [a-z][^`[]* --[^`[]*)`/g)].map(([, line]) => line);
  return [...blocks.flatMap((code) => code.split("\n")).filter((line) => /^(\$ |npx )?atelier [a-z]/.test(line)), ...inText];
}

/** Words of a line as a shell divides it: quotes hold together, a comment or a pipe ends it. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [word] of line.replace(/^(\$ |npx )/, "").matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)) {
    if (word.startsWith("#") || ["|", ">", "&&", "&", "2>"].includes(word)) break;
    words.push(word.replaceAll(/["']/g, ""));
  }
  return words.slice(1);
}

interface Parsed {
  verb: string;
  args: string[];
  options: Record<string, unknown>;
}

/** What a command line says, without anything being done. */
async function parse(words: readonly string[]): Promise<Parsed> {
  const entry = verbs.find(({ name }) => name === words[0]);
  if (entry === undefined) throw new Error(`no such verb: ${words[0]}`);
  const program = new Command("atelier").exitOverride().configureOutput({ writeErr: () => {} });
  (await entry.load()).verb.register(program, capturedIo());
  let parsed: Parsed | undefined;
  const still = (command: Command): void => {
    command.exitOverride().configureOutput({ writeErr: () => {} });
    command.action(() => {
      parsed = { verb: words[0], args: command.processedArgs.flat().filter((arg) => typeof arg === "string"), options: command.opts() };
    });
    command.commands.forEach(still);
  };
  program.commands.forEach(still);
  await program.parseAsync([...words], { from: "user" });
  return parsed!;
}

describe("commands in the documentation are ones that the command line takes", () => {
  test.each(pages())("$page", async ({ commands }) => {
    const modelOf = new Map<string, string>();
    const problems: string[] = [];
    for (const line of commands) {
      try {
        const { verb, args, options } = await parse(wordsOf(line));
        const [name] = args;
        if (verb === "train" && name !== undefined) {
          const record = findModel(name);
          const preset = presetName(options.preset as string | undefined, Object.keys(record.presets));
          settle(record, preset, options);
          if (options.run !== undefined) modelOf.set(options.run as string, name);
        }
        // A run that is named as its model, or that the page has trained before.
        const model = modelOf.get(name) ?? models.find((record) => record.name === name)?.name;
        if (model === undefined || verb === "train") continue;
        await readSampling(findModel(model), options.sampling as string[] | undefined);
        if (verb === "evaluate")
          settle(findModel(model), Object.keys(findModel(model).presets)[0], { set: options.set as string[] | undefined });
      } catch (error) {
        problems.push(`${line}\n    ${String(error)}`);
      }
    }
    expect(problems).toEqual([]);
  });
});
