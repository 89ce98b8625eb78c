import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { twoOutputs } from "../testing/models.ts";
import { FfiBackend } from "./ffi-backend.ts";
import { locateLibrary } from "./locate.ts";

/** In a process of its own, with one thread: with more, the runtime's own threads happen to keep the library in memory. */
test("the library stays loaded when garbage is collected", async () => {
  process.env.ATELIER_THREADS = "1";
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const backend = new FfiBackend(locateLibrary()?.path ?? "");
  for (let i = 0; i < 5; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const program = await backend.load(twoOutputs(), { name: "after collection", optimize: "none" });
  const total = new Float32Array(1);
  await program.bind({ a: Float32Array.of(1, 2, 3, 4) }, { total }).run();
  expect(total[0]).toBe(10);
});
