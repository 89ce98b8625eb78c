import type { Command } from "commander";
import { numberAbove, portNumber, repeated, wholeNumber } from "./options.ts";
import { addTextOptions, openText, type TextOptions } from "./text-options.ts";
import { addCommand, type Io, printJson, type Verb, wantsJson } from "./verb.ts";

interface ServeOptions extends TextOptions {
  host: string;
  port: number;
  key?: string;
  name?: string;
  slots: number;
  queue: number;
  maxTokens?: number;
  cors?: string[];
  allowHost?: string[];
  body: number;
  grace: number;
}

export const verb: Verb = {
  name: "serve",
  summary: "Answer OpenAI's interface with a trained run or a model's folder",
  register(program, io) {
    const command = addCommand(program, "serve", verb.summary)
      .argument("<run|folder>", "a run's name or folder, a folder in Hugging Face's form, or an adapter's")
      .option("--port <n>", "0 takes any that is free", portNumber, 8080)
      .option("--host <address>", "where to listen; other than this machine's own it needs a key", "127.0.0.1")
      .option("--key <text>", "what clients must send as their API key (default: ATELIER_KEY, which does not show in lists of processes)")
      .option("--name <name>", "what clients call the model (default: the run's or folder's name)")
      .option("--slots <n>", "texts that are written at the same time", wholeNumber(1), 16)
      .option("--queue <n>", "requests that may wait; further ones are answered with 429", wholeNumber(0), 256)
      .option("--max-tokens <n>", "the most tokens that a request may ask for (default: what the context has left)", wholeNumber(1))
      .option("--cors <origin>", "a site whose pages may use the server, or * (repeat)", repeated)
      .option("--allow-host <name>", "a further name under which clients ask for it (repeat)", repeated)
      .option("--body <megabytes>", "the longest body of a request", numberAbove(0), 4)
      .option("--grace <seconds>", "how long running answers may take when the server ends", numberAbove(0), 30);
    addTextOptions(command).action((target: string, options: ServeOptions, self: Command) => serve(target, options, io, wantsJson(self)));
  },
};

async function serve(target: string, options: ServeOptions, io: Io, json: boolean): Promise<void> {
  const { host, key = io.env.ATELIER_KEY } = options;
  const { requireKey, serveHttp } = await import("../server/node/http.ts");
  // Before the model is loaded, which may take long.
  requireKey(host, key);
  const { TextService, Gauge } = await import("../server/index.ts");
  const { packageInfo } = await import("../core/node/package-info.ts");
  const { engine, template, name, constrain } = await openText(target, options, io, json);
  const service = new TextService({
    ...{ engine, template, constrain, name: options.name ?? name, queue: options.queue, maxTokens: options.maxTokens },
    fingerprint: `atelier-${packageInfo().version}`,
    onError: (error) => io.stderr.write(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`),
    gauges: { process_resident_memory_bytes: new Gauge("Memory of the process.", () => process.memoryUsage.rss()) },
  });
  const server = await serveHttp(service, {
    ...{ host, key, port: options.port, cors: options.cors, names: options.allowHost },
    bodyBytes: Math.round(options.body * 1e6),
  }).catch(async (error: unknown) => {
    await engine.close();
    throw error;
  });
  const facts = { url: `${server.url}/v1`, model: options.name ?? name, context: engine.context, slots: engine.slots };
  if (json) printJson(io, facts);
  else io.stdout.write(`${facts.model} at ${facts.url} (context ${facts.context}, ${facts.slots} at a time${key ? ", with a key" : ""})\n`);
  await interrupted(io);
  await server.close(options.grace * 1000);
}

/** Until Ctrl-C or SIGTERM; a second one ends the process at once. */
function interrupted(io: Io): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      process.off("SIGINT", end);
      process.off("SIGTERM", end);
      io.stderr.write("\nending when the running answers are complete (again to end at once)\n");
      resolve();
    };
    process.on("SIGINT", end);
    process.on("SIGTERM", end);
  });
}
