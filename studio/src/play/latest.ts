/** Work that follows a moving hand: only the newest wish counts. */
import { createSignal } from "solid-js";

export interface Latest<T> {
  /** Wish for something; a wish that has not begun when the next one comes is dropped. */
  want(value: T): void;
  /** Wishes fulfilled a second while the hand moves, by the last ones; undefined before there are some. */
  readonly rate: () => number | undefined;
}

/** How many of the last answers the rate is measured over, and the pause in milliseconds that begins it anew. */
const [OVER, PAUSE] = [30, 400] as const;

/** @param work fulfils one wish; errors are told and end nothing */
export function latest<T>(work: (value: T) => Promise<void>, onError: (error: unknown) => void): Latest<T> {
  const [rate, setRate] = createSignal<number>();
  let times: number[] = [];
  let next: { value: T } | undefined;
  let running = false;
  const run = async (): Promise<void> => {
    running = true;
    while (next !== undefined) {
      const { value } = next;
      next = undefined;
      try {
        await work(value);
      } catch (error) {
        onError(error);
      }
      const now = performance.now();
      if (times.length > 0 && now - times[times.length - 1] > PAUSE) times = [];
      times = [...times, now].slice(-OVER);
      if (times.length > 4) setRate((1000 * (times.length - 1)) / (now - times[0]));
    }
    running = false;
  };
  return {
    want(value) {
      next = { value };
      if (!running) void run();
    },
    rate,
  };
}
