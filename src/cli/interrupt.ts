import type { Io } from "./verb.ts";

/** First Ctrl-C or SIGTERM: pause cleanly. A second one ends the process at once, as it would have without us. @returns what takes the handlers away */
export function onInterrupt(stop: () => void, io: Io): () => void {
  const handler = () => {
    io.stderr.write("\nstopping after this step (again to stop at once)\n");
    stop();
    release();
  };
  const release = () => {
    process.off("SIGINT", handler);
    process.off("SIGTERM", handler);
  };
  process.on("SIGINT", handler);
  process.on("SIGTERM", handler);
  return release;
}
