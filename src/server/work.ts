import type { Finish, GeneratedToken, GenerationRequest } from "../generation/engine.ts";
import type { Ticket } from "./admission.ts";
import { choices } from "./choices.ts";
import type { ServedModel } from "./settings.ts";

/** What a request's texts came to. */
export interface Written {
  text: string;
  tokens: GeneratedToken[];
  finish: Finish;
}

/** One request while it is worked on: its slots, its end, and what is noted about it. */
export interface Work {
  model: ServedModel;
  ticket: Ticket;
  /** Aborted when the client is gone, when the server ends, and when the request is over. */
  signal: AbortSignal;
  cancel(): void;
  /** `cmpl-...`, made from this. */
  id: string;
  /** Seconds since 1970. */
  created: number;
  /** The name of the server's version, OpenAI's `system_fingerprint`. */
  fingerprint: string;
  /** Called for the first token of the request, and with the counts of each text that ended. */
  onFirstToken(): void;
  onFinish(finish: Finish): void;
}

/** The events of a request's texts, with first tokens and ends noted. */
export async function* written(work: Work, requests: readonly GenerationRequest[]): ReturnType<typeof choices> {
  let first = true;
  for await (const event of choices(work.model.engine, work.ticket, requests, work.cancel)) {
    if (first && "token" in event) work.onFirstToken();
    first = false;
    if ("finish" in event) {
      work.onFinish(event.finish);
      // Nobody reads the rest; or the server ends.
      if (event.finish.reason === "cancelled") work.signal.throwIfAborted();
    }
    yield event;
  }
}

/** All texts of a request, complete, in the order of `requests`. */
export async function writeAll(work: Work, requests: readonly GenerationRequest[]): Promise<Written[]> {
  const all = requests.map((): { tokens: GeneratedToken[]; finish?: Finish } => ({ tokens: [] }));
  for await (const event of written(work, requests)) {
    if ("token" in event) all[event.index].tokens.push(event.token);
    else all[event.index].finish = event.finish;
  }
  return all.map(({ tokens, finish }) => ({ tokens, finish: finish!, text: tokens.map(({ text }) => text).join("") }));
}

/** One event of a stream, as it goes over the wire. */
export function serverSentEvent(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

/** What ends a stream. */
export const streamEnd = "data: [DONE]\n\n";

/** OpenAI's `finish_reason`. */
export function finishReason({ reason }: Finish): "stop" | "length" {
  return reason === "length" ? "length" : "stop";
}
