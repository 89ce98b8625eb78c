import { describe, expect, it } from "vitest";
import { findNpm, type NpmSurroundings, readFailure } from "./npm-cli.ts";

const at = (files: string[], more: Partial<NpmSurroundings>) =>
  findNpm({
    env: {},
    platform: "linux",
    execPath: "/opt/node/bin/node",
    exists: (file) => files.includes(file),
    realpath: (file) => file,
    ...more,
  });

describe("findNpm", () => {
  it("prefers the npm that started us, unless it is another package manager", () => {
    const own = "/opt/node/lib/node_modules/npm/bin/npm-cli.js";
    const starter = "/home/me/npm/bin/npm-cli.js";
    expect(at([own, starter], { env: { npm_execpath: starter } }).args).toEqual([starter]);
    expect(at([own, "/x/pnpm.cjs"], { env: { npm_execpath: "/x/pnpm.cjs" } })).toEqual({ file: "/opt/node/bin/node", args: [own] });
  });

  it("finds npm on PATH, following the link to its script", () => {
    const env = { PATH: "relative:/a:/b" };
    const realpath = () => "/usr/share/nodejs/npm/bin/npm-cli.js";
    expect(at(["/b/npm"], { env, realpath }).args).toEqual(["/usr/share/nodejs/npm/bin/npm-cli.js"]);
    expect(at(["/b/npm"], { env })).toEqual({ file: "/b/npm", args: [] });
  });

  it("knows the layout of Windows and never needs npm.cmd", () => {
    const script = "C:\\nodejs\\node_modules\\npm\\bin\\npm-cli.js";
    const windows = { platform: "win32", execPath: "C:\\nodejs\\node.exe" } as const;
    expect(at([script], windows).args).toEqual([script]);
    expect(at([script], { platform: "win32", execPath: "D:\\n\\node.exe", env: { Path: "C:\\x;C:\\nodejs" } }).args).toEqual([script]);
  });

  it("says what to do when there is none", () => {
    expect(() => at([], {})).toThrowErrorMatchingInlineSnapshot(`
      [RuntimeError: npm was not found, and it is needed to fetch packages.
        where:    beside /opt/node/bin/node and on PATH
        try:      install npm (it comes with Node.js), or copy a filled cache folder from another machine and set ATELIER_CACHE to it]
    `);
  });
});

describe("readFailure", () => {
  it("reads JSON, and log lines where there is none", () => {
    const json = '{"error": {"code": "E404", "summary": "Not Found - GET https://x\\nmore", "detail": "long"}}';
    expect(readFailure(json, "")).toEqual({ ok: false, code: "E404", summary: "Not Found - GET https://x" });
    const log = "npm warn something\nnpm ERR! code ENOTFOUND\nnpm ERR! syscall getaddrinfo\nnpm ERR! network request failed\n";
    expect(readFailure("", log)).toEqual({ ok: false, code: "ENOTFOUND", summary: "network request failed" });
    expect(readFailure("[]", "")).toEqual({ ok: false, code: "EUNKNOWN", summary: "npm gave no reason" });
  });
});
