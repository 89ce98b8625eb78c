import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { saveCheckpoint } from "../runs/checkpoint.ts";
import { MetricsLog } from "../runs/metrics-log.ts";
import { createRun, type Run } from "../runs/registry.ts";
import { newRun, temporaryHome } from "../runs/testing/make.ts";
import { main } from "./main.ts";
import { type CapturedOptions, capturedIo } from "./testing/captured-io.ts";

const home = temporaryHome();

async function run(argv: string[], options: CapturedOptions = {}) {
  const io = capturedIo({ env: { ATELIER_HOME: home() }, ...options });
  const code = await main(argv, io);
  const steady = (text: string) => text.replaceAll(home(), "HOME").replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:[\d.]+Z)?/g, "DATE");
  return { code, out: steady(io.out()), err: steady(io.err()), questions: io.questions.map(steady) };
}

async function twoRuns(): Promise<Run[]> {
  const a = await createRun(newRun(), home());
  const log = new MetricsLog(a.metricsFile);
  log.append({ step: 469, epoch: 1, reconstruction: 243.21, kl: 12.5 });
  log.flush();
  await saveCheckpoint(a, { tensors: { w: { dtype: "float32", shape: [1], data: new Float32Array(1) } }, state: null, step: 469 });
  await a.update({ status: "finished", results: { "test.nats": 240.123 } });
  const b = await createRun({ ...newRun({ seed: "2", config: { image: [1, 32, 32], codeSize: 2, klWeight: 1 } }), name: "tiny" }, home());
  return [a, b];
}

describe("atelier runs", () => {
  it("says how to make the first", async () => {
    expect(await run(["runs"])).toEqual({
      code: 0,
      out: 'No runs in HOME yet. "atelier train MODEL" makes one.\n',
      err: "",
      questions: [],
    });
    expect((await run(["runs", "--json"])).out).toBe("[]\n");
  });

  it("lists runs and goes on past a broken one", async () => {
    await twoRuns();
    mkdirSync(path.join(home(), "broken"));
    writeFileSync(path.join(home(), "broken", "run.json"), "{");
    const { code, out, err } = await run(["runs"]);
    expect(code).toBe(0);
    expect(`${out}---\n${err}`).toMatchSnapshot();
    const json = JSON.parse((await run(["runs", "--json"])).out);
    expect(json.map((row: { name: string; state: string }) => [row.name, row.state])).toEqual([
      ["broken", "broken"],
      ["vae-001", "finished"],
      ["tiny", "created"],
    ]);
  });

  it("shows one run whole", async () => {
    const [a] = await twoRuns();
    const { code, out } = await run(["runs", "vae-001"]);
    expect(code).toBe(0);
    expect(out).toMatchSnapshot();
    expect((await run(["runs", a.folder])).out).toBe(out);
    expect(JSON.parse((await run(["runs", "vae-001", "--json"])).out)).toMatchObject({
      name: "vae-001",
      checkpoints: [469],
      metrics: { "last.reconstruction": 243.21, "test.nats": 240.123 },
    });
  });

  it("compares two", async () => {
    await twoRuns();
    expect((await run(["runs", "compare", "vae-001", "tiny"])).out).toMatchSnapshot();
    expect((await run(["runs", "compare", "tiny", "tiny"])).out).toBe("settings: all the same\nmetrics: none yet\n");
    expect(JSON.parse((await run(["runs", "compare", "vae-001", "tiny", "--json"])).out)).toMatchObject({ a: "vae-001", b: "tiny" });
  });

  it("offers the nearest of unknown names", async () => {
    await twoRuns();
    const { code, out, err } = await run(["runs", "vea-001"]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain('did you mean "vae-001"?');
  });

  it("removes one after asking, or with --yes", async () => {
    const [a, b] = await twoRuns();
    const alone = await run(["runs", "remove", "tiny"]);
    expect(alone).toMatchObject({
      code: 2,
      err: "Removing HOME/tiny cannot be undone, and nobody is there to ask.\n  try:      add --yes\n",
    });
    expect(await run(["runs", "remove", "tiny"], { answer: false })).toMatchObject({
      code: 0,
      out: "Kept.\n",
      questions: ["Delete HOME/tiny with its checkpoints and samples?"],
    });
    expect(existsSync(b.folder)).toBe(true);
    expect(await run(["runs", "remove", "tiny"], { answer: true })).toMatchObject({ code: 0, out: "Removed HOME/tiny\n" });
    expect(existsSync(b.folder)).toBe(false);
    expect((await run(["runs", "remove", "vae-001", "--yes", "--json"])).out).toBe('{"removed":"HOME/vae-001"}\n');
    expect(existsSync(a.folder)).toBe(false);
    expect((await run(["runs", "remove", "vae-001", "--yes"])).code).toBe(2);
  });
});
