/** The worker's side: holds one model and answers one call after the other. */
import { AtelierError } from "../core/errors.ts";
import type { ModelRecord } from "../models/model.ts";
import type { Backend } from "../runtime/backend.ts";
import { PlayModel } from "./model.ts";
import type { CallName, Calls, FromWorker, OpenRequest, ToWorker } from "./protocol.ts";

/** What the worker has of its surroundings. */
export interface ServeOptions {
  /** Send a message to the page. */
  post(message: FromWorker): void;
  /** The record of a model by its name: `loadRecord`, or one of a page that knows one model. */
  loadRecord(name: string): Promise<ModelRecord>;
  /** The backend, and how many threads it uses. */
  openBackend(request: OpenRequest): Promise<{ backend: Backend; threads: number }>;
}

type Answer<C extends CallName> = (
  given: Calls[C]["given"],
  call: { tell(event: Calls[C]["event"]): void; signal: AbortSignal },
) => Promise<Calls[C]["result"]>;
type Answers = { [C in CallName]: Answer<C> };

/** How long a call that tells something on its way keeps the worker to itself, in milliseconds: then it hears whether it is still wanted. */
const HOLD = 30;

/** @returns what takes the page's messages */
export function serveModel({ post, loadRecord, openBackend }: ServeOptions): (message: ToWorker) => void {
  let model: PlayModel | undefined;
  const answers = answersOf(
    async (request, tell) => {
      await model?.dispose();
      tell("loading the runtime");
      const [record, { backend, threads }] = await Promise.all([loadRecord(request.model), openBackend(request)]);
      tell("building the model");
      model = new PlayModel({ ...request, record, backend });
      return { about: model.about, device: model.device, threads };
    },
    () => {
      if (model === undefined) throw new AtelierError("No model is open.");
      return model;
    },
  );
  const running = new Map<number, AbortController>();
  let last: Promise<void> = Promise.resolve();
  return (message) => {
    if ("cancel" in message) {
      running.get(message.cancel)?.abort();
      return;
    }
    const { id, call, given } = message;
    const controller = new AbortController();
    running.set(id, controller);
    const answer = answers[call] as Answer<CallName>;
    last = last
      .then(async () => {
        controller.signal.throwIfAborted();
        const tell = (event: unknown) => post({ id, event });
        post({ id, result: await answer(given as Calls[CallName]["given"], { tell, signal: controller.signal }) });
      })
      .catch((error: unknown) => post({ id, error: described(error, controller.signal.aborted) }))
      .finally(() => running.delete(id));
  };
}

function answersOf(
  open: (request: OpenRequest, tell: (message: string) => void) => Promise<Calls["open"]["result"]>,
  model: () => PlayModel,
): Answers {
  return {
    open: (request, { tell }) => open(request, tell),
    sample: async ({ frames, ...request }, { tell, signal }) =>
      await model().sample({ ...request, signal, ...(frames ? { onFrame: tell } : {}) }),
    decode: ({ values, count, conditions }) => model().decode(values, count, conditions),
    encode: ({ values, count, conditions }) => model().encode(values, count, conditions),
    density: ({ values, count, conditions }) => model().logDensity(values, count, conditions),
    prepare: async () => {
      await model().prepareDecoder();
      return null;
    },
    write: async (request, { tell, signal }) => {
      const tokens = model().continueText({ ...request, signal });
      let heard = performance.now();
      for (;;) {
        const next = await tokens.next();
        if (next.done) return { reason: next.value.reason, tokens: next.value.completionTokens };
        tell(next.value);
        if (performance.now() - heard < HOLD) continue;
        await new Promise<void>((resolve) => setTimeout(resolve));
        heard = performance.now();
      }
    },
    translate: ({ source, sampling }) => model().translate(source, sampling),
  };
}

function described(error: unknown, cancelled: boolean): { message: string; problem?: AtelierError["problem"]; cancelled: boolean } {
  if (!(error instanceof AtelierError)) return { message: error instanceof Error ? error.message : String(error), cancelled };
  const { cause: _cause, ...problem } = error.problem;
  return { message: error.message, problem, cancelled };
}
