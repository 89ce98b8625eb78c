import type { Twin } from "./device-memory.ts";
import type { NativeBinding, NativeSession } from "./native.ts";
import type { Handle } from "./ort-api.ts";

/**
 * What a binding on a device holds besides its handle: the inputs, which are bound anew before each run (the runtime copies a host array to the device when
 * it is bound, not when the program runs), and results that are copied over values which the run itself has read.
 */
export class DeviceValues {
  /** Device memory that must live as long as the binding. */
  readonly twins: Twin[] = [];
  private readonly inputs: [name: string, value: Handle<"value">][] = [];
  private readonly from: Handle<"value">[] = [];
  private readonly to: Handle<"value">[] = [];
  private readonly api: NativeSession["api"];

  constructor(api: NativeSession["api"]) {
    this.api = api;
  }

  addInput(name: string, value: Handle<"value">): void {
    this.inputs.push([name, value]);
  }

  /** After each run copy `from`, which the run writes, to `to`, which it reads. */
  addResult(from: Handle<"value">, to: Handle<"value">): void {
    this.from.push(from);
    this.to.push(to);
  }

  /**
   * One run, and the copies around it, on this thread: the sessions of a device share its buffers, which native calls on two threads at once would corrupt.
   * The event loop has a turn before each run.
   */
  async run(binding: NativeBinding, transfer: (from: readonly Handle<"value">[], to: readonly Handle<"value">[]) => void): Promise<void> {
    await new Promise(setImmediate);
    for (const [name, value] of this.inputs) this.api.bindInput(binding.handle, name, value);
    this.api.runWithBinding(binding.session.handle, binding.handle);
    transfer(this.from, this.to);
  }

  release(): void {
    const values = [...this.inputs.splice(0).map(([, value]) => value), ...this.from.splice(0), ...this.to.splice(0)];
    for (const value of values) this.api.releaseValue(value);
  }
}
