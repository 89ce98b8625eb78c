import type { Command } from "commander";
import { showActivity } from "./activity.ts";
import { formatBytes } from "./format.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

export const verb: Verb = {
  name: "pull",
  summary: "Fetch a pretrained model from the hub into the cache",
  register(program, io) {
    addCommand(program, "pull", verb.summary)
      .argument("<model>", "ORG/NAME, such as openai-community/gpt2; HF_ENDPOINT and HF_TOKEN are used where they are set")
      .option("--revision <name>", "branch, tag or commit", "main")
      .action((name: string, { revision }: { revision: string }, command: Command) => pull(name, revision, io, wantsJson(command)));
  },
};

async function pull(name: string, revision: string, io: Io, json: boolean): Promise<void> {
  const { pullModel } = await import("../pretrained/node/index.ts");
  const activity = showActivity(io, json);
  const started = performance.now();
  let folder: string;
  try {
    folder = await pullModel(name, {
      revision,
      onProgress: (file, _, bytes) => activity.onProgress(`fetching ${file} (${formatBytes(bytes)})`, (performance.now() - started) / 1000),
    });
  } finally {
    activity.end();
  }
  if (json) printJson(io, { model: name, revision, folder });
  else io.stdout.write(`${name} is in ${folder}\n`);
}
