// `atelier studio` as users start it.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, it } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(path.join(tmpdir(), "atelier-studio-verb-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function start(...words: string[]) {
  const env = { ...process.env, ATELIER_HOME: path.join(folder, "runs") };
  const child = spawn(process.execPath, [path.join(root, "bin/atelier.js"), "studio", "--no-open", "--json", ...words], { env });
  let [out, err] = ["", ""];
  child.stdout.on("data", (part: Buffer) => {
    out += part;
  });
  child.stderr.on("data", (part: Buffer) => {
    err += part;
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, ended, out: () => out, err: () => err };
}

it("says where it is, answers there, tells who else wants the port, and ends when it is asked to", async () => {
  const first = start("--port", "0");
  await expect.poll(first.out, { timeout: 120_000 }).toContain("\n");
  const { url, port } = JSON.parse(first.out()) as { url: string; port: number };
  expect(url).toBe(`http://127.0.0.1:${port}/`);
  expect(await (await fetch(url)).text()).toContain('<div id="root">');
  expect(await (await fetch(`${url}api/studio`)).json()).toMatchObject({ runsFolder: path.join(folder, "runs") });
  const second = start("--port", String(port));
  expect(await second.ended).toBe(2);
  expect(second.err()).toContain(`Port ${port} is in use by another studio.`);
  first.child.kill("SIGTERM");
  expect(await first.ended).toBe(0);
});

it("makes a token where others can reach it", async () => {
  const studio = start("--port", "0", "--host", "0.0.0.0");
  await expect.poll(studio.out, { timeout: 120_000 }).toContain("\n");
  const { url, port } = JSON.parse(studio.out()) as { url: string; port: number };
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{32}$/);
  expect((await fetch(`http://127.0.0.1:${port}/api/studio`)).status).toBe(401);
  studio.child.kill("SIGTERM");
  await studio.ended;
});
