import { InFlight } from "../in-flight.ts";
import type { Handle, OrtApi } from "./ort-api.ts";

/**
 * A session handle with the bindings made from it. Released once, bindings first: ONNX Runtime crashes on the other order, and on a
 * release while a run is in flight. Holds no host arrays, so that a binding that nobody uses can be collected.
 */
export class NativeSession {
  readonly bindings = new Set<NativeBinding>();
  readonly runs = new InFlight();
  readonly api: OrtApi;
  readonly handle: Handle<"session">;
  private released = false;

  constructor(api: OrtApi, handle: Handle<"session">) {
    this.api = api;
    this.handle = handle;
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    for (const binding of this.bindings) binding.release();
    this.api.releaseSession(this.handle);
  }
}

/** An IoBinding handle. It owns its references to the bound values, not the memory behind them. */
export class NativeBinding {
  readonly session: NativeSession;
  readonly handle: Handle<"binding">;
  /** What goes with it: values that it is given anew at each run. */
  readonly values: { release(): void } | undefined;

  constructor(session: NativeSession, values?: { release(): void }) {
    this.values = values;
    this.session = session;
    this.handle = session.api.createBinding(session.handle);
    session.bindings.add(this);
  }

  release(): void {
    if (!this.session.bindings.delete(this)) return;
    this.session.api.releaseBinding(this.handle);
    this.values?.release();
  }
}

/** A safety net under forgotten `dispose` calls: native memory goes with its JavaScript owner. */
export const forgotten = new FinalizationRegistry<{ release(): void }>((native) => native.release());
