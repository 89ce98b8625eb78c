import type { Finish, GeneratedToken, GenerationRequest, TextEngine } from "../generation/engine.ts";
import type { Ticket } from "./admission.ts";

/** What happens to the texts that are written for one request: a token of one of them, or its end. */
export type ChoiceEvent = { index: number; token: GeneratedToken } | { index: number; finish: Finish };

/** One text, from the slot on that it waits for. */
async function* choice(engine: TextEngine, ticket: Ticket, request: GenerationRequest): AsyncGenerator<GeneratedToken, Finish, void> {
  const release = await ticket.slot();
  try {
    return yield* engine.generate(request);
  } finally {
    release();
  }
}

/**
 * All texts of a request at once: events in the order in which they happen, each text asked for its next token when its last was taken. Leaving the loop early, or an error in one of them, ends all.
 * @param cancel aborts the signal of the requests and of the ticket
 */
export async function* choices(
  engine: TextEngine,
  ticket: Ticket,
  requests: readonly GenerationRequest[],
  cancel: () => void,
): AsyncGenerator<ChoiceEvent, void, void> {
  const texts = requests.map((request) => choice(engine, ticket, request));
  type Arrived = { index: number; result: IteratorResult<GeneratedToken, Finish> } | { error: unknown };
  const arrived: Arrived[] = [];
  let wake = (): void => undefined;
  const take = (item: Arrived) => {
    arrived.push(item);
    wake();
  };
  const ask = (index: number) => {
    texts[index].next().then(
      (result) => take({ index, result }),
      (error: unknown) => take({ error }),
    );
  };
  try {
    texts.forEach((_, index) => {
      ask(index);
    });
    for (let open = texts.length; open > 0; ) {
      if (arrived.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      const item = arrived.shift()!;
      if ("error" in item) throw item.error;
      const { index, result } = item;
      if (result.done) {
        open--;
        yield { index, finish: result.value };
      } else {
        yield { index, token: result.value };
        ask(index);
      }
    }
  } finally {
    cancel();
    await Promise.allSettled(texts.map((text) => text.return(undefined as never)));
  }
}
