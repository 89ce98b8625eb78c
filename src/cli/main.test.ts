import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { AtelierError, UsageError } from "../core/errors.ts";
import { main } from "./main.ts";
import { capturedIo } from "./testing/captured-io.ts";
import { addCommand, printJson, type Verb, wantsJson } from "./verb.ts";
import { type VerbEntry, verbs } from "./verbs.ts";

async function run(argv: string[], env: Record<string, string> = {}, known: readonly VerbEntry[] = verbs) {
  const io = capturedIo({ env });
  const code = await main(argv, io, known);
  return { code, out: io.out(), err: io.err() };
}

/** A verb that does what the test wants. */
function entry(name: string, act: (io: Parameters<Verb["register"]>[1]) => void): VerbEntry {
  const verb: Verb = {
    name,
    summary: `The verb ${name}`,
    register: (program, io) => {
      addCommand(program, name, verb.summary).action(() => act(io));
    },
  };
  return { name, load: async () => ({ verb }) };
}

const failing = [
  entry("usage", () => {
    throw new UsageError({ what: "Wrong use.", got: "this", expected: "that", hint: "that" });
  }),
  entry("fails", () => {
    throw new AtelierError({ what: "It failed.", cause: new Error("the disk is on fire") });
  }),
  entry("bug", () => {
    throw new TypeError("x is not a function");
  }),
  entry("interrupted", (io) => {
    io.exitCode = 130;
  }),
];

describe("the frame", () => {
  it("shows the version and the help", async () => {
    expect(await run(["--version"])).toMatchObject({ code: 0, err: "" });
    expect((await run(["--version"])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    for (const argv of [["--help"], ["-h"], ["help"]]) {
      const { code, out, err } = await run(argv);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      for (const { name } of verbs) expect(out).toContain(`\n  ${name} `);
    }
  });

  it("shows the help on stderr where no command is given", async () => {
    const { code, out, err } = await run([]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("Usage: atelier");
  });

  it.each(verbs.map(({ name }) => name))("%s has --help and --json", async (name) => {
    const { code, out, err } = await run([name, "--help"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain(`Usage: atelier ${name}`);
    expect(out).toContain("--json");
    const { verb } = await verbs.find((known) => known.name === name)!.load();
    expect(verb.name).toBe(name);
  });

  it("loads only the verb that is used", async () => {
    const heavy: VerbEntry = { name: "heavy", load: () => Promise.reject(new Error("must not be loaded")) };
    expect((await run(["interrupted"], {}, [...failing, heavy])).code).toBe(130);
  });
});

describe("wrong use gives exit code 2", () => {
  it.each([
    [["frobnicate"]],
    [["docter"]],
    [["runs", "--jsno"]],
    [["runs", "a", "b"]],
    [["runs", "compare", "a"]],
    [["runs", "remove"]],
    [["--frobnicate"]],
    [["doctor", "extra"]],
  ])("%j", async (argv) => {
    const { code, out, err } = await run(argv);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatchSnapshot();
  });
});

describe("errors", () => {
  it("are told without a stack", async () => {
    expect(await run(["usage"], {}, failing)).toMatchInlineSnapshot(`
      {
        "code": 2,
        "err": "Wrong use.
        got:      this
        expected: that
        try:      that
      ",
        "out": "",
      }
    `);
    expect(await run(["fails"], {}, failing)).toMatchInlineSnapshot(`
      {
        "code": 1,
        "err": "It failed.
      ",
        "out": "",
      }
    `);
    expect(await run(["bug"], {}, failing)).toMatchInlineSnapshot(`
      {
        "code": 1,
        "err": "atelier failed unexpectedly: x is not a function
        try:      ATELIER_DEBUG=1 to see where, and report it
      ",
        "out": "",
      }
    `);
  });

  it("are told with the stack and its causes where ATELIER_DEBUG is set", async () => {
    const { code, err } = await run(["fails"], { ATELIER_DEBUG: "1" }, failing);
    expect(code).toBe(1);
    expect(err).toContain("main.test.ts");
    expect(err).toContain("caused by Error: the disk is on fire");
    expect((await run(["fails"], { ATELIER_DEBUG: "0" }, failing)).err).not.toContain("main.test.ts");
  });

  it("are JSON on stderr with --json", async () => {
    const usage = await run(["usage", "--json"], {}, failing);
    expect(usage).toMatchObject({ code: 2, out: "" });
    expect(JSON.parse(usage.err)).toEqual({
      error: { kind: "UsageError", what: "Wrong use.", got: "this", expected: "that", hint: "that" },
    });
    expect(JSON.parse((await run(["bug", "--json"], {}, failing)).err)).toEqual({
      error: { kind: "TypeError", what: "x is not a function" },
    });
    const option = await run(["usage", "--json", "--nope"], {}, failing);
    expect(option.code).toBe(2);
    expect(JSON.parse(option.err)).toEqual({ error: { kind: "UsageError", what: "unknown option '--nope'" } });
  });
});

describe("helpers of verbs", () => {
  it("print JSON with numbers that are not finite, and find --json before and after a sub-command", async () => {
    const seen: boolean[] = [];
    const verb: Verb = {
      name: "outer",
      summary: "",
      register: (program, io) => {
        const outer = addCommand(program, "outer", "");
        addCommand(outer, "inner", "").action((_, command) => {
          seen.push(wantsJson(command));
          printJson(io, { a: Number.NaN, b: 1 });
        });
      },
    };
    const known = [{ name: "outer", load: async () => ({ verb }) }];
    const { out } = await run(["outer", "inner", "--json"], {}, known);
    await run(["outer", "--json", "inner"], {}, known);
    await run(["outer", "inner"], {}, known);
    expect(seen).toEqual([true, true, false]);
    expect(out).toBe('{"a":"NaN","b":1}\n');
  });
});

describe("the process", () => {
  const bin = fileURLToPath(new URL("../../bin/atelier.js", import.meta.url));

  it("is quiet when its reader leaves, and gives the exit code", async () => {
    const child = spawn(process.execPath, [bin, "--help"], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    let err = "";
    child.stderr.on("data", (text) => {
      err += text;
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const wrong = spawn(process.execPath, [bin, "frobnicate"], { stdio: "ignore" });
    expect(await new Promise((resolve) => wrong.on("close", resolve))).toBe(2);
  });
});
