import type { Graph } from "../graph/graph.ts";
import { canonicalText } from "../graph/print.ts";
import type { Backend, Executable } from "./backend.ts";

interface Shared {
  executable: Promise<Executable>;
  users: number;
}

/** Sessions in use, by what they compute. Programs of the same graph share one: bindings are their own, and weights come in through these. */
const sessions = new WeakMap<Backend, Map<string, Shared>>();

/**
 * The session of a graph on a backend: the one that another program of the same canonical text uses, or a new one. It is freed when the last of its
 * users disposes of it.
 * @param graph after the passes; its weights must be inputs, not baked in
 * @param load makes a session where there is none
 */
export async function sharedSession(backend: Backend, graph: Graph, load: () => Promise<Executable>): Promise<Executable> {
  const known = sessions.get(backend) ?? new Map<string, Shared>();
  sessions.set(backend, known);
  // The whole text is the key: a digest could send a graph to another one's session.
  const text = canonicalText(graph);
  const shared: Shared = known.get(text) ?? { executable: load(), users: 0 };
  known.set(text, shared);
  shared.users++;
  let held = true;
  const release = async (): Promise<void> => {
    if (!held) return;
    held = false;
    shared.users--;
    if (shared.users > 0) return;
    known.delete(text);
    await (await shared.executable).dispose();
  };
  try {
    const executable = await shared.executable;
    const { name, inputs, outputs } = executable;
    return { name, inputs, outputs, bind: (inputs, outputs, shapes) => executable.bind(inputs, outputs, shapes), dispose: release };
  } catch (error) {
    held = false;
    if (known.get(text) === shared) known.delete(text);
    throw error;
  }
}
