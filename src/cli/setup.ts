import type { Command } from "commander";
import { showActivity } from "./activity.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

export const verb: Verb = {
  name: "setup",
  summary: "Fetch the runtime library ahead, so that training works offline",
  register(program, io) {
    addCommand(program, "setup", verb.summary).action((_, command: Command) => setup(io, wantsJson(command)));
  },
};

async function setup(io: Io, json: boolean): Promise<void> {
  const { locateLibrary } = await import("../runtime/node/locate.ts");
  const { installRuntime } = await import("../runtime/node/install.ts");
  const found = locateLibrary();
  const activity = showActivity(io, json);
  const library = found?.path ?? (await installRuntime({ onProgress: activity.onProgress }).finally(activity.end));
  if (json) printJson(io, { library, fetched: found === undefined });
  else
    io.stdout.write(
      found === undefined ? `The runtime library is now at ${library}\n` : `The runtime library is already there: ${library}\n`,
    );
}
