import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cacheFolder, publishFolder, withTemporaryFolder } from "./cache.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "cache-test-"));
  vi.stubEnv("ATELIER_CACHE", folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

describe("cacheFolder", () => {
  it.each([
    ["linux", {}, "/home/me/.cache/atelier"],
    ["linux", { XDG_CACHE_HOME: "/big" }, "/big/atelier"],
    ["linux", { XDG_CACHE_HOME: "relative" }, "/home/me/.cache/atelier"],
    ["darwin", {}, "/home/me/Library/Caches/atelier"],
    ["linux", { ATELIER_CACHE: "/mine", XDG_CACHE_HOME: "/big" }, "/mine"],
    ["win32", { LOCALAPPDATA: "/app" }, "/app/atelier/Cache"],
  ] as const)("on %s with %o is %s", (platform, env, expected) => {
    expect(cacheFolder({ platform, env, home: "/home/me" })).toBe(path.normalize(expected));
  });
});

describe("withTemporaryFolder", () => {
  it("removes its folder also on failure, and folders that killed processes left", async () => {
    const stale = path.join(folder, "tmp", "stale");
    await mkdir(stale, { recursive: true });
    await utimes(stale, 1, 1);
    const failing = withTemporaryFolder(async (temporary) => {
      await writeFile(path.join(temporary, "x"), "x");
      throw new Error("mine");
    });
    await expect(failing).rejects.toThrow("mine");
    expect(await readdir(path.join(folder, "tmp"))).toEqual([]);
  });

  it("says so when the cache cannot be made", async () => {
    const file = path.join(folder, "file");
    await writeFile(file, "");
    vi.stubEnv("ATELIER_CACHE", file);
    await expect(withTemporaryFolder(async () => 1)).rejects.toThrow(`Could not make a folder in the cache ${file}.`);
  });
});

describe("publishFolder", () => {
  it("keeps the folder of the process that was first", async () => {
    const place = path.join(folder, "data", "set-v1");
    for (const who of ["first", "second"]) {
      const mine = path.join(folder, who);
      await mkdir(mine);
      await writeFile(path.join(mine, "who"), who);
      await publishFolder(mine, place);
    }
    expect(await readFile(path.join(place, "who"), "utf8")).toBe("first");
  });
});
