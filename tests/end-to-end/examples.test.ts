import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { Sandbox } from "./harness.ts";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const sandbox = await Sandbox.create();
const examples = readdirSync(path.join(root, "examples")).filter((name) => name.endsWith(".ts"));

it.each(examples)("%s reaches its target", (name) => {
  const env: NodeJS.ProcessEnv = { ...process.env, ...sandbox.env };
  delete env.NODE_V8_COVERAGE;
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(root, "bin", "ts.js"), path.join(root, "examples", name)], {
    cwd: sandbox.folder,
    env,
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
  expect(stdout).toContain("target");
});

it("an installed package, which has no sources, is never built", () => {
  const installed = sandbox.path("node_modules", "atelier");
  mkdirSync(installed, { recursive: true });
  for (const part of ["bin", "dist", "package.json"]) cpSync(path.join(root, part), path.join(installed, part), { recursive: true });
  for (const name of ["commander", "zod", "fast-png", "iobuffer", "fflate", "@bufbuild"]) {
    symlinkSync(path.join(root, "node_modules", name), sandbox.path("node_modules", name));
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(installed, "bin", "atelier.js"), "models"], {
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
  expect(stdout).toContain("vae");
});
