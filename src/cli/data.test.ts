import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { decode } from "fast-png";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { main } from "./main.ts";
import { capturedIo } from "./testing/captured-io.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "data-verb-test-"));
  vi.stubEnv("ATELIER_CACHE", path.join(folder, "cache"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

async function run(...argv: string[]) {
  const io = capturedIo();
  const code = await main(argv, io);
  const steady = (text: string) => text.replaceAll(folder, "FOLDER");
  return { code, out: steady(io.out()), err: steady(io.err()) };
}

describe("atelier data", () => {
  it("lists sets of packages and sets that are drawn", async () => {
    const { code, out } = await run("data", "list");
    expect(code).toBe(0);
    expect(out).toMatch(/^mnist .* 60000 \+ 10000 .* 11\.5 MB$/m);
    expect(out).toMatch(/^avatars .* 20000 \+ 2000 .* drawn here$/m);
    expect(JSON.parse((await run("data", "list", "--json")).out)).toHaveLength(out.trim().split("\n").length - 1);
  });

  it("draws a generated set ahead, and shows it", async () => {
    expect((await run("data", "get", "avatars:train=5,test=1,side=16")).out).toBe(
      "Avatars with attributes: 5 training pictures in FOLDER/cache/data/avatars-train-5-test-1-side-16-v1\n",
    );
    const picture = path.join(folder, "grid.png");
    const { out } = await run("data", "show", "avatars:train=5,test=1,side=16", "--count", "4", "--columns", "4", "--out", picture);
    expect(out).toMatch(/^ {2}pictures {3}5 training, 1 held out$/m);
    expect(out).toMatch(/^ {2}attributes smiling \d+%, mouth-open \d+%/m);
    // Four pictures of 16 pixels, four times as large, and gaps of two.
    const { width, height } = decode(await readFile(picture));
    expect([width, height]).toEqual([4 * 66 + 2, 68]);
  });

  it("writes classes under the pictures of a folder", async () => {
    const source = path.join(folder, "grid.png");
    await run("data", "show", "avatars:train=2,test=1,side=16", "--count", "1", "--out", source);
    const bytes = await readFile(source);
    for (const name of ["a", "b", "c"]) await writeFile(path.join(folder, `${name}.png`), bytes);
    await writeFile(path.join(folder, "labels.csv"), "file,label\na.png,left\nb.png,right\nc.png,left\n");
    const picture = path.join(folder, "shown", "grid.png");
    const { code, out } = await run("data", "show", folder, "--captions", "--columns", "2", "--out", picture);
    expect([code, out.match(/classes.*/)?.[0]]).toEqual([0, "classes    left, right"]);
    expect(out).toContain("pictures that labels.csv does not name were left out: 1");
    expect(decode(await readFile(picture)).height).toBeGreaterThan(66);
  });

  it("refuses names and parameters that are not there", async () => {
    expect(await run("data", "get", "avatar")).toMatchObject({ code: 2, err: expect.stringContaining('did you mean "avatars"?') });
    expect(await run("data", "show", "avatars:sides=3")).toMatchObject({ code: 2, err: expect.stringContaining('did you mean "side"?') });
    expect(await run("data", "show", "mnist:side=3")).toMatchObject({ code: 2, err: expect.stringContaining("has no parameters") });
  });
});
