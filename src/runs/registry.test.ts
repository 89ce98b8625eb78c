import { fork } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { FileError, UsageError } from "../core/errors.ts";
import { compareRuns } from "./compare.ts";
import { lockRun } from "./lock.ts";
import { MetricsLog } from "./metrics-log.ts";
import { createRun, listRuns, openRun, removeRun, runsFolder } from "./registry.ts";
import { newRun, temporaryHome } from "./testing/make.ts";

const home = temporaryHome();

/** The error's message with the changing folder taken out. */
async function message(promise: Promise<unknown>, kind: typeof UsageError | typeof FileError): Promise<string> {
  const error: unknown = await promise.then(
    () => "no error",
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(kind);
  return (error as Error).message.replaceAll(home(), "HOME");
}

describe("creating runs", () => {
  it("numbers runs without a name, after the highest there is", async () => {
    expect((await createRun(newRun(), home())).name).toBe("vae-001");
    expect((await createRun(newRun(), home())).name).toBe("vae-002");
    mkdirSync(path.join(home(), "vae-041"));
    mkdirSync(path.join(home(), "vae-gan-099"));
    expect((await createRun(newRun(), home())).name).toBe("vae-042");
    expect((await createRun(newRun({ model: "vae-gan" }), home())).name).toBe("vae-gan-100");
  });

  it("makes a folder that describes itself", async () => {
    const run = await createRun({ ...newRun(), name: "first" }, home());
    expect(readdirSync(run.folder).sort()).toEqual(["checkpoints", "run.json", "samples"]);
    const record = JSON.parse(readFileSync(path.join(run.folder, "run.json"), "utf8"));
    expect(record).toEqual({ ...newRun(), format: 1, created: run.record.created, status: "created", results: {} });
  });

  it("never gives two processes the same name", async () => {
    const script = path.join(home(), "make.mjs");
    const registry = new URL("../../dist/runs/registry.js", import.meta.url).href;
    writeFileSync(
      script,
      `import { createRun } from ${JSON.stringify(registry)};
       const given = ${JSON.stringify(newRun())};
       process.once("message", async () => {
         const names = [];
         for (let i = 0; i < 10; i++) names.push((await createRun(given, process.argv[2])).name);
         const named = await createRun({ ...given, name: "mine" }, process.argv[2]).then(() => "made", (error) => error.name);
         process.send({ names, named }, () => process.exit());
       });
       process.send("ready");`,
    );
    const runs = path.join(home(), "runs");
    const children = [0, 1].map(() => fork(script, [runs], { execArgv: [] }));
    const once = (child: (typeof children)[number]) => new Promise((resolve) => child.once("message", resolve));
    await Promise.all(children.map(once));
    const answers = children.map(once) as Promise<{ names: string[]; named: string }>[];
    for (const child of children) child.send("go");
    const [a, b] = await Promise.all(answers);
    expect(new Set([...a.names, ...b.names]).size).toBe(20);
    expect([a.named, b.named].sort()).toEqual(["UsageError", "made"]);
    expect(readdirSync(runs)).toHaveLength(21);
  });

  it("refuses a name that is taken", async () => {
    await createRun({ ...newRun(), name: "first" }, home());
    expect(await message(createRun({ ...newRun(), name: "first" }, home()), UsageError)).toMatchInlineSnapshot(`
      "There is already a run named "first".
        where:    HOME/first
        try:      --resume to go on with it, another --run NAME, or "atelier runs remove first""
    `);
  });

  it.each(["", ".", "..", "a/b", "a\\b", "/tmp/x", "a.b", "-x", "ü", "a b", "a\0", "x".repeat(65), "CON", "lpt1"])(
    "refuses the name %j",
    async (name) => {
      expect(await message(createRun({ ...newRun(), name }, home()), UsageError)).toContain("A run cannot have this name.");
      expect(readdirSync(home())).toEqual([]);
    },
  );

  it("says so when the folder cannot be made", async () => {
    writeFileSync(path.join(home(), "file"), "");
    expect(await message(createRun(newRun(), path.join(home(), "file", "runs")), FileError)).toMatchInlineSnapshot(`
      "Could not make the folder for runs, HOME/file/runs.
        got:      ENOTDIR: not a directory, mkdir 'HOME/file/runs'
        try:      a part of the path is a file where a folder is needed"
    `);
  });

  it("takes the folder of runs from ATELIER_HOME", () => {
    expect(runsFolder({ ATELIER_HOME: home() })).toBe(home());
    expect(runsFolder({})).toBe(path.resolve("runs"));
  });
});

describe("opening runs", () => {
  it("opens by name, by path and a copy elsewhere", async () => {
    const run = await createRun({ ...newRun(), name: "first" }, home());
    await run.update({ status: "finished", results: { nats: 240.5 } });
    const copy = path.join(home(), "elsewhere", "renamed");
    cpSync(run.folder, copy, { recursive: true });
    for (const [given, name] of [
      ["first", "first"],
      [run.folder, "first"],
      [path.join(run.folder, "run.json"), "first"],
      [`${copy}/`, "renamed"],
    ]) {
      const opened = await openRun(given, home());
      expect(opened.name).toBe(name);
      expect(opened.record).toEqual(run.record);
    }
  });

  it("offers the nearest name", async () => {
    expect(await message(openRun("vae-001", path.join(home(), "none")), UsageError)).toMatchInlineSnapshot(`
      "There is no run named "vae-001".
        where:    HOME/none
        expected: no runs there yet
        try:      see "atelier runs"; the path of a run's folder works too"
    `);
    await createRun(newRun(), home());
    expect(await message(openRun("vea-001", home()), UsageError)).toMatchInlineSnapshot(`
      "There is no run named "vea-001".
        where:    HOME
        expected: one of: vae-001
        try:      did you mean "vae-001"?"
    `);
    expect(await message(openRun(home(), home()), UsageError)).toContain("which has neither a run.json nor a model's config.json");
    expect(await message(openRun("../nowhere/x", home()), UsageError)).toContain('There is no run named "../nowhere/x".');
  });

  const broken: [string, (record: Record<string, unknown>) => string][] = [
    ["an empty run.json", () => ""],
    ["a run.json cut short", (record) => JSON.stringify(record).slice(0, 40)],
    ["a run.json that is a list", () => "[]"],
    ["a missing field", ({ model: _, ...rest }) => JSON.stringify(rest)],
    ["a field of the wrong type", (record) => JSON.stringify({ ...record, results: { nats: "low" } })],
    ["an unknown status", (record) => JSON.stringify({ ...record, status: "sleeping" })],
    ["a newer format", (record) => JSON.stringify({ ...record, format: 2 })],
  ];
  it.each(broken)("names what is wrong with %s, and lists the others", async (_, spoil) => {
    const run = await createRun({ ...newRun(), name: "broken" }, home());
    const sound = await createRun({ ...newRun(), name: "sound" }, home());
    const file = path.join(run.folder, "run.json");
    writeFileSync(file, spoil(JSON.parse(readFileSync(file, "utf8"))));
    const text = await message(openRun("broken", home()), FileError);
    expect(text).toMatchSnapshot();
    const listed = await listRuns(home());
    expect(listed.map(({ name, state }) => [name, state])).toEqual([
      ["broken", "broken"],
      [sound.name, "created"],
    ]);
    expect(await removeRun("broken", home())).toBe(run.folder);
    expect(existsSync(run.folder)).toBe(false);
  });

  it("reads a result that was not a number", async () => {
    const run = await createRun({ ...newRun(), name: "first" }, home());
    await run.update({ results: { nats: Number.NaN } });
    expect((await openRun("first", home())).record.results).toEqual({ nats: Number.NaN });
  });

  it("keeps fields that a later version added", async () => {
    const run = await createRun({ ...newRun(), name: "first" }, home());
    const file = path.join(run.folder, "run.json");
    writeFileSync(file, JSON.stringify({ ...run.record, mood: "good" }));
    await (await openRun("first", home())).update({ status: "finished" });
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ ...run.record, mood: "good", status: "finished" });
  });
});

describe("listing and removing runs", () => {
  it("lists nothing where there is nothing, and passes over files and hidden folders", async () => {
    expect(await listRuns(path.join(home(), "none"))).toEqual([]);
    writeFileSync(path.join(home(), "notes.txt"), "");
    mkdirSync(path.join(home(), ".hidden"));
    expect(await listRuns(home())).toEqual([]);
  });

  it("tells a run in training from one that was interrupted", async () => {
    const run = await createRun(newRun(), home());
    await run.update({ status: "training" });
    expect((await listRuns(home()))[0].state).toBe("interrupted");
    const lock = lockRun(run.folder);
    expect((await listRuns(home()))[0].state).toBe("training");
    expect(await message(removeRun("vae-001", home()), UsageError)).toContain("The run vae-001 is being trained.");
    lock.release();
    await removeRun("vae-001", home());
    expect(readdirSync(home())).toEqual([]);
  });
});

describe("comparing runs", () => {
  it("gives the settings that differ and the final metrics", async () => {
    const a = await createRun(newRun(), home());
    const b = await createRun(
      newRun({ seed: "2", config: { image: [1, 32, 32], codeSize: 2, klWeight: 1, schedule: { warmup: 10 } } }),
      home(),
    );
    const log = new MetricsLog(a.metricsFile);
    log.append({ step: 1, reconstruction: 500 });
    log.append({ step: 2, reconstruction: 250 });
    log.flush();
    await a.update({ results: { nats: 240 } });
    await b.update({ results: { nats: 260 } });
    expect(await compareRuns(a, b)).toEqual({
      settings: [
        { key: "config.codeSize", a: 16, b: 2 },
        { key: "seed", a: "1", b: "2" },
        { key: "config.schedule.warmup", a: undefined, b: 10 },
      ],
      metrics: [
        { key: "last.step", a: 2, b: undefined },
        { key: "last.reconstruction", a: 250, b: undefined },
        { key: "nats", a: 240, b: 260 },
      ],
    });
  });
});
