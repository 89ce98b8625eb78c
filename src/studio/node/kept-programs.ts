/** Compiled programs that stay for the next time: a second batch of pictures begins at once. */
import { compile, type Program } from "../../runtime/program.ts";

/** A way to compile, and a way to let go of what it kept. */
export interface KeptPrograms {
  readonly compile: typeof compile;
  release(): Promise<void>;
}

/**
 * Programs that their users are done with are not disposed of but kept, the last `most` of them. A program of the same graph then shares the runtime's
 * session with the kept one (`sharedSession`) and is ready at once. Those with baked weights share nothing, so that they are not kept.
 */
export function keepPrograms(most: number): KeptPrograms {
  /** How to dispose of each, oldest first. */
  const kept: (() => Promise<void>)[] = [];
  return {
    compile: async (backend, build, options) => {
      const program = await compile(backend, build, options);
      if (options?.frozen) return program;
      const dispose = program.dispose.bind(program);
      let done = false;
      const keep: Program["dispose"] = async () => {
        if (done) return;
        done = true;
        kept.push(dispose);
        while (kept.length > most) await kept.shift()!();
      };
      return Object.assign(program, { dispose: keep });
    },
    release: async () => {
      for (const dispose of kept.splice(0)) await dispose();
    },
  };
}
