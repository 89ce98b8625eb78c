import { spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { portNumber, repeated } from "./options.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface StudioOptions {
  host: string;
  port: number;
  token?: string;
  allowHost?: string[];
  folder?: string[];
  open: boolean;
}

export const verb: Verb = {
  name: "studio",
  summary: "A page in the browser: train, look, generate, explore",
  register(program, io) {
    addCommand(program, "studio", verb.summary)
      .option("--port <n>", "0 takes any that is free", portNumber, 5170)
      .option("--host <address>", "where to listen; other than this machine's own it needs a token", "127.0.0.1")
      .option("--token <text>", "what a browser must bring (default: ATELIER_TOKEN; else one is made where it is needed)")
      .option("--allow-host <name>", "a further name under which the studio is asked for (repeat)", repeated)
      .option("--folder <path>", "a folder of a pretrained model in Hugging Face's form, to write and talk with (repeat)", repeated)
      .option("--no-open", "do not open the page in the browser")
      .action((options: StudioOptions, command: Command) => studio(options, io, wantsJson(command)));
  },
};

async function studio(options: StudioOptions, io: Io, json: boolean): Promise<void> {
  const { host, port, token = io.env.ATELIER_TOKEN, allowHost, folder: folders } = options;
  const { openStudio } = await import("../studio/node/studio.ts");
  const { serveStudio } = await import("../studio/node/server.ts");
  const { runsFolder } = await import("../runs/registry.ts");
  const home = runsFolder(io.env);
  const onError = (error: unknown) =>
    io.stderr.write(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  const running = await serveStudio(openStudio({ runsFolder: home, env: io.env, folders, onError }), {
    ...{ host, port, token, names: allowHost, page: pageFolder(), onError },
  });
  if (json) printJson(io, { url: running.entrance, port: running.port, runs: home });
  else {
    const others = running.elsewhere.map((address) => `  from other machines: ${address}\n`).join("");
    io.stdout.write(`The studio is at ${running.entrance}\n${others}  runs in ${home}; Ctrl-C ends it\n`);
  }
  if (options.open && !json && io.stdout.isTTY) openBrowser(running.entrance);
  await interrupted();
  await running.close();
}

/** Where the built page is: `dist/studio/page`, seen from src as from dist. */
function pageFolder(): string {
  return path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../dist/studio/page");
}

/** In whatever browser the system opens addresses with; where there is none, the printed address is all. */
function openBrowser(address: string): void {
  const [program, ...words] =
    process.platform === "darwin"
      ? ["open", address]
      : process.platform === "win32"
        ? ["rundll32", "url.dll,FileProtocolHandler", address]
        : ["xdg-open", address];
  const child = spawn(program, words, { stdio: "ignore", detached: true });
  child.on("error", () => {});
  child.unref();
}

/** Until Ctrl-C or SIGTERM; a second one ends the process at once. */
function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      process.off("SIGINT", end);
      process.off("SIGTERM", end);
      resolve();
    };
    process.on("SIGINT", end);
    process.on("SIGTERM", end);
  });
}
