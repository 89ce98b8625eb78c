// The process that holds a model: it is started with a target, is asked for work over its channel, and ends when the channel does.
import { FileError } from "../../core/errors.ts";
import { loadPictureFile } from "../../data/node/picture-file.ts";
import { pictureShape } from "../../models/index.ts";
import { encodePng } from "../../report/png.ts";
import {
  attentionRequest,
  chatRequest,
  masksRequest,
  pairsRequest,
  pictureRequest,
  pointsRequest,
  textRequest,
} from "../generate-requests.ts";
import { fitOf } from "./codes.ts";
import { keepPicture } from "./gallery.ts";
import { Holder, type Target } from "./holder.ts";
import { type Desk, paintPictures, paintPoints, rasterOf } from "./painting.ts";
import { Cancelled, type FromWorker, sendError, type ToWorker, type WorkName, type Works } from "./worker-protocol.ts";
import { answerChat, guessMasks, lookAt, writePairs, writeText } from "./writing.ts";

type Handlers = { [N in WorkName]: (given: unknown, desk: Desk) => Promise<Works[N]["answer"]> };

function handlersOf(holder: Holder): Handlers {
  return {
    pictures: async (given, desk) => ({ kind: "pictures", entry: await paintPictures(holder, pictureRequest.parse(given), desk) }),
    points: (given, desk) => paintPoints(holder, pointsRequest.parse(given), desk),
    text: (given, desk) => writeText(holder, textRequest.parse(given), desk),
    chat: (given, desk) => answerChat(holder, chatRequest.parse(given), desk),
    attention: (given) => lookAt(holder, attentionRequest.parse(given)),
    masks: (given) => guessMasks(holder, masksRequest.parse(given)),
    pairs: (given) => writePairs(holder, pairsRequest.parse(given)),
    upload: (given) => takeUpload(holder, given as Works["upload"]["given"]),
  };
}

/** Decode what was sent, at the model's shape, and keep it in the gallery. */
async function takeUpload(holder: Holder, given: Works["upload"]["given"]): Promise<Works["upload"]["answer"]> {
  const { run, model } = await holder.open(() => undefined);
  const shaped = pictureShape(model.record, model.config);
  const { data, shape, note } = await loadPictureFile(given.path, shaped, fitOf(run.record.data?.name)).catch((error: unknown) => {
    if (!(error instanceof FileError)) throw error;
    // The file's place is the server's business; what is wrong with it stands behind.
    const got = error.problem.where?.replace(`${given.path}: `, "");
    throw new FileError({ ...error.problem, where: undefined, got, hint: "choose another picture" });
  });
  const file = await keepPicture(run, given.file, encodePng(rasterOf({ data, shape }, 0), { Software: "atelier", source: "upload" }));
  return { file, note: note?.replace(given.path, "the picture") };
}

/** Answer over the channel, one work after the other, until it is closed. */
export function serve(target: Target): void {
  const handlers = handlersOf(new Holder(target));
  const running = new Map<number, AbortController>();
  const send = (message: FromWorker) => {
    if (process.connected) process.send!(message);
  };
  let last: Promise<void> = Promise.resolve();
  const work = async ({ id, name, given }: Extract<ToWorker, { type: "work" }>, signal: AbortSignal): Promise<void> => {
    try {
      if (signal.aborted) throw new Cancelled();
      const answer = await handlers[name](given, { signal, tell: (told) => send({ type: "told", id, told }) });
      send({ type: "answer", id, answer });
    } catch (error) {
      send({ type: "error", id, error: sendError(error) });
    } finally {
      running.delete(id);
    }
  };
  process.on("message", (message: ToWorker) => {
    if (message.type === "cancel") {
      running.get(message.id)?.abort(new Error("stopped"));
      return;
    }
    const controller = new AbortController();
    running.set(message.id, controller);
    last = last.then(() => work(message, controller.signal));
  });
  process.on("disconnect", () => process.exit(0));
}

const [, , name, path, kind] = process.argv;
serve({ name, path, kind: kind === "folder" ? "folder" : "run" });
