// How a server bears many clients: `node bin/ts.js bench/serving/load.ts [124m|10m|tiny|FOLDER] [--slots 16] [--clients 64] [--tokens 64] [--prompt 32]
// [--alone 4] [--rounds 2] [--minutes 0] [--out FILE]`. One client after the other, then all at once (each sends `rounds` requests), then all for so many
// minutes with the server's memory read every ten seconds, then streams that are cut. Prints one line of JSON; fails where a stream is lost.
import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { setting } from "../harness/result.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    slots: { type: "string", default: "16" },
    clients: { type: "string", default: "64" },
    tokens: { type: "string", default: "64" },
    prompt: { type: "string", default: "32" },
    alone: { type: "string", default: "4" },
    rounds: { type: "string", default: "2" },
    minutes: { type: "string", default: "0" },
    out: { type: "string" },
  },
});
const [target = "tiny"] = positionals;
const [clients, tokens, alone, rounds, minutes] = [values.clients, values.tokens, values.alone, values.rounds, values.minutes].map(Number);
const promptLength = Number(values.prompt);

interface Streamed {
  /** Milliseconds to the first event with text, and to the end. */
  first: number;
  total: number;
  completionTokens: number;
  complete: boolean;
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const child = spawn(process.execPath, [here("../../bin/ts.js"), here("server.ts"), target, values.slots], {
  stdio: ["ignore", "pipe", "inherit"],
});
const { url, model } = await new Promise<{ url: string; model: string }>((resolve, reject) => {
  let text = "";
  child.on("exit", (code) => reject(new Error(`the server ended with ${code}`)));
  child.stdout.on("data", (part: Buffer) => {
    text += part.toString();
    if (text.includes("\n")) resolve(JSON.parse(text.slice(0, text.indexOf("\n"))) as { url: string; model: string });
  });
});

const agent = new Agent({ keepAlive: true, maxSockets: clients + 8 });

/** One streamed completion, read to its end. Plain `node:http`: the clients have the same cores as the server, and `fetch` costs them several times as much. */
function stream(seed: number, signal?: AbortSignal): Promise<Streamed> {
  const started = performance.now();
  const prompt = Array.from({ length: promptLength }, (_, i) => (seed * 31 + i * 7) % 250);
  const body = { model, prompt, max_tokens: tokens, seed, stream: true, stream_options: { include_usage: true } };
  const headers = { "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/v1/completions`, { method: "POST", headers, agent, signal }, (reply) => {
      let [first, text] = [0, ""];
      reply.setEncoding("utf8");
      reply.on("error", reject);
      reply.on("data", (part: string) => {
        if (first === 0) first = performance.now() - started;
        text += part;
      });
      reply.on("end", () => {
        if (reply.statusCode !== 200) return reject(new Error(`status ${reply.statusCode}: ${text}`));
        const usage = /"completion_tokens":(\d+)/.exec(text.slice(-1000));
        const complete = text.endsWith("data: [DONE]\n\n");
        resolve({ first, total: performance.now() - started, completionTokens: Number(usage?.[1] ?? 0), complete });
      });
    });
    asked.on("error", reject);
    asked.end(JSON.stringify(body));
  });
}

async function gauge(name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
}

/** Many clients, each with one request after the other while `more` says so. */
async function together(count: number, more: (round: number) => boolean): Promise<{ seconds: number; all: Streamed[]; lost: number }> {
  const started = performance.now();
  const all: Streamed[] = [];
  let lost = 0;
  await Promise.all(
    Array.from({ length: count }, async (_, client) => {
      for (let round = 0; more(round); round++) {
        const done = await stream(client + round * count).catch(() => undefined);
        if (done === undefined || !done.complete || done.completionTokens !== tokens) lost++;
        else all.push(done);
      }
    }),
  );
  return { seconds: (performance.now() - started) / 1000, all, lost };
}

const rate = ({ seconds, all }: { seconds: number; all: Streamed[] }) =>
  all.reduce((sum, { completionTokens }) => sum + completionTokens, 0) / seconds;
const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

await together(1, (round) => round < 1);
const single = await together(1, (round) => round < alone);
const many = await together(clients, (round) => round < rounds);
const memory: number[] = [];
let lostLater = 0;
if (minutes > 0) {
  const end = Date.now() + minutes * 60_000;
  const look = setInterval(() => void gauge("process_resident_memory_bytes").then((bytes) => memory.push(bytes / 1e6)), 10_000);
  ({ lost: lostLater } = await together(clients, () => Date.now() < end));
  clearInterval(look);
}
const cut = new AbortController();
const leaving = Array.from({ length: 8 }, (_, i) => stream(i, cut.signal).catch(() => undefined));
await new Promise((resolve) => setTimeout(resolve, 300));
cut.abort();
await Promise.all(leaving);
let waited = 0;
while ((await gauge("atelier_slots_active")) > 0 && waited < 100) {
  waited++;
  await new Promise((resolve) => setTimeout(resolve, 20));
}
const result = {
  kind: "serving",
  model,
  slots: Number(values.slots),
  ...{ clients, tokens, prompt: promptLength },
  alone_tokens_per_second: rate(single),
  together_tokens_per_second: rate(many),
  ratio: rate(many) / rate(single),
  alone_first_token_ms: median(single.all.map(({ first }) => first)),
  together_first_token_ms: median(many.all.map(({ first }) => first)),
  streams: many.all.length + many.lost,
  lost: single.lost + many.lost + lostLater,
  minutes,
  // Memory once every size has been seen, and at the end.
  memory_mb: memory.length < 3 ? null : { begin: memory[Math.floor(memory.length / 5)], end: memory.at(-1), most: Math.max(...memory) },
  slots_freed_after_cut: waited < 100,
  ...setting(here("../..")),
  command: ["node bin/ts.js bench/serving/load.ts", ...process.argv.slice(2)].join(" "),
};
child.removeAllListeners("exit");
child.kill("SIGTERM");
console.log(JSON.stringify(result));
if (values.out !== undefined) appendFileSync(values.out, `${JSON.stringify(result)}\n`);
if (result.lost > 0 || !result.slots_freed_after_cut) process.exitCode = 1;
