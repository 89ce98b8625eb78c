import { RuntimeError } from "../core/errors.ts";
import { type BoundArray, buffersOf, checkBuffers } from "./check-binding.ts";

/**
 * Whether a binding may run now: one run at a time, none after `dispose`, none when a buffer was taken away. It holds the buffers, so
 * that they live as long as the binding.
 */
export class BindingState {
  private readonly program: string;
  private readonly buffers: Map<ArrayBufferLike, number>;
  private running = false;
  private disposed = false;

  constructor(program: string, bound: readonly BoundArray[]) {
    this.program = program;
    this.buffers = buffersOf(bound);
  }

  /** @throws RuntimeError when the binding must not run now. */
  begin(programDisposed: boolean): void {
    if (this.disposed || programDisposed) {
      throw new RuntimeError(`A ${this.disposed ? "binding" : "program"} was run after it was disposed: program "${this.program}".`);
    }
    if (this.running) {
      throw new RuntimeError({
        what: `A binding of the program "${this.program}" is already running.`,
        hint: "await the first run, or bind other arrays for a second one",
      });
    }
    checkBuffers(this.program, this.buffers);
    this.running = true;
  }

  /** Returns true when the binding was disposed during the run, so that its memory can go now. */
  end(): boolean {
    this.running = false;
    return this.disposed;
  }

  /** Returns true when the memory can go now: not while a run is in flight. */
  dispose(): boolean {
    this.disposed = true;
    return !this.running;
  }
}
