import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { noteEvent } from "../../runs/events-log.ts";
import { createRun, type Run } from "../../runs/registry.ts";
import { newRun, temporaryHome } from "../../runs/testing/make.ts";
import { decodeCurves } from "../metrics.ts";
import type { LiveEvent, RunDetail, SampleFile } from "../training.ts";
import { Jobs } from "./jobs.ts";
import type { RouteRequest, Studio } from "./route.ts";
import { router } from "./router.ts";
import { routes } from "./runs.ts";

const home = temporaryHome();
let run: Run;
let studio: Studio;

beforeEach(async () => {
  studio = { runsFolder: home(), jobs: new Jobs({ runsFolder: home(), env: {} }) } as unknown as Studio;
  run = await createRun(newRun({ name: "one" }), home());
  await run.update({ status: "stopped" });
  await writeFile(run.metricsFile, Array.from({ length: 50 }, (_, i) => `{"step":${i + 1},"loss":${50 - i}}\n`).join(""));
});
afterEach(() => studio.jobs.close());

const find = router(routes);
/** What a route answers to an address. */
async function ask(address: string, method = "GET", given: Partial<RouteRequest> = {}) {
  const [place, query = ""] = address.split("?");
  const { route, parameters } = find(method, place);
  const request = { parameters, query: new URLSearchParams(query), signal: new AbortController().signal, ...given } as RouteRequest;
  return (await route.handle(request, studio)) as {
    json?: unknown;
    file?: string;
    bytes?: Uint8Array;
    events?: AsyncIterable<LiveEvent & { id: string }>;
  };
}

describe("runs, asked for by a page", () => {
  it("are told with their notes and settings", async () => {
    noteEvent(run, {
      ...{ type: "start", step: 0, totalSteps: 90, parameters: 7, compileSeconds: 1, pid: 1 },
      predicted: { memoryBytes: 5, stepSeconds: 2 },
    });
    noteEvent(run, { type: "warning", step: 3, text: "the codes carry nothing" });
    const detail = (await ask("/api/runs/one")).json as RunDetail;
    expect(detail).toMatchObject({ state: "paused", title: "Variational autoencoder", totalSteps: 90, step: 50, parameters: 7, seed: "1" });
    expect(detail.notes.map(({ type, text }) => [type, text])).toEqual([
      ["start", "began"],
      ["warning", "the codes carry nothing"],
    ]);
    expect(detail.metrics.elbo.better).toBe("higher");
  });

  it("give their metrics in a range and as few points as asked for", async () => {
    const { bytes } = await ask("/api/runs/one/metrics?points=10&from=20&to=30&columns=loss,nothing");
    const { steps, stretch, rows, curves } = decodeCurves(bytes!.slice().buffer as ArrayBuffer);
    expect([rows, stretch, curves.map(({ name }) => name)]).toEqual([50, 2, ["loss"]]);
    expect([steps[0], steps.at(-1)]).toEqual([20, 30]);
    await expect(ask("/api/runs/one/metrics?points=many")).rejects.toMatchObject({ status: 400 });
  });

  it("give their samples and no other file", async () => {
    await writeFile(path.join(run.samplesFolder, "step-00000010-samples.png"), "x");
    await writeFile(path.join(run.samplesFolder, "step-00000010-text.txt"), "x");
    await writeFile(path.join(run.samplesFolder, "secret.txt"), "x");
    const samples = (await ask("/api/runs/one/samples")).json as SampleFile[];
    expect(samples.map(({ step, view, kind }) => [step, view, kind])).toEqual([
      [10, "samples", "picture"],
      [10, "text", "text"],
    ]);
    expect((await ask("/api/runs/one/samples/step-00000010-samples.png")).file).toBe(
      path.join(run.samplesFolder, "step-00000010-samples.png"),
    );
    for (const file of ["secret.txt", "..%2Frun.json", "step-1-samples.png", "step-00000010-samples.png%00.txt"])
      await expect(ask(`/api/runs/one/samples/${file}`)).rejects.toMatchObject({ status: 404 });
    for (const name of ["..", ".studio", "%2Fetc", "..%2Fone", "one%2F..%2Fone", "nothing"])
      await expect(ask(`/api/runs/${name}/metrics`)).rejects.toMatchObject({ status: 404 });
  });

  it("refuse what they cannot do now", async () => {
    await expect(ask("/api/runs/one/pause", "POST")).rejects.toMatchObject({ status: 409 });
    await expect(ask("/api/runs/one/cancel", "POST")).rejects.toMatchObject({ status: 409 });
    await expect(ask("/api/runs/nothing", "DELETE")).rejects.toMatchObject({ status: 404 });
    expect((await ask("/api/runs/one", "DELETE")).json).toEqual({ done: true });
    await expect(ask("/api/runs/one")).rejects.toMatchObject({ status: 404 });
  });
});

describe("a run that is looked at", () => {
  it("tells what comes, from where the page stands, until it is gone", async () => {
    const leave = new AbortController();
    const { events } = await ask("/api/runs/one/live", "GET", { lastEventId: "48", signal: leave.signal });
    const told: (LiveEvent & { id: string })[] = [];
    for await (const event of events!) {
      told.push(event);
      if (event.event === "rows" && event.data.from === 48) await writeFile(run.metricsFile, '{"step":1,"loss":"NaN"}\n');
      if (event.event === "reset") await studio.jobs.remove("one");
    }
    expect(told.map(({ event, id }) => [event, id])).toEqual([
      ["run", "48"],
      ["rows", "50"],
      ["run", "50"],
      ["reset", "1"],
      ["gone", "1"],
    ]);
    expect(told[1].data).toEqual({ from: 48, steps: [49, 50], columns: { loss: [2, 1] } });
    leave.abort();
  });

  it("that is broken is shown as broken", async () => {
    await mkdir(path.join(home(), "bad"));
    await writeFile(path.join(home(), "bad", "run.json"), '{"format":9}');
    expect((await ask("/api/runs/bad")).json).toMatchObject({ state: "broken", trouble: { kind: "FileError" }, can: ["remove"] });
    expect((await ask("/api/runs")).json).toHaveLength(2);
  });
});
