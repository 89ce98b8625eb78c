import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileError } from "../errors.ts";
import { fileError, writeFileAtomic } from "./files.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "atelier-files-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made up, write`), { code });
}

describe("writeFileAtomic", () => {
  it("writes text, bytes and pieces, makes folders, replaces files and leaves nothing else", async () => {
    const file = path.join(folder, "a", "b", "c.txt");
    await writeFileAtomic(file, "one");
    expect(readFileSync(file, "utf8")).toBe("one");
    await writeFileAtomic(file, new Uint8Array([116, 119, 111]));
    expect(readFileSync(file, "utf8")).toBe("two");
    await writeFileAtomic(file, [Buffer.from("th"), Buffer.from("ree")]);
    expect(readFileSync(file, "utf8")).toBe("three");
    expect(readdirSync(path.dirname(file))).toEqual(["c.txt"]);
  });

  it("keeps the old file and removes its own when writing fails half way", async () => {
    const file = path.join(folder, "kept.txt");
    writeFileSync(file, "old");
    function* pieces(): Generator<Uint8Array> {
      yield Buffer.from("half of the new");
      throw systemError("ENOSPC");
    }
    const failure = await writeFileAtomic(file, pieces()).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(FileError);
    expect((failure as FileError).message).toContain("the disk is full");
    expect(readFileSync(file, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["kept.txt"]);
  });

  it("removes what killed writers left of the same file, and nothing that is still being written", async () => {
    const dead = spawnSync(process.execPath, ["--version"]).pid;
    const left = [`.a.bin.${dead}-0123abcd.partial`, `.b.bin.${dead}-0123abcd.partial`, `.a.bin.${process.pid}-0123abcd.partial`];
    for (const name of left) writeFileSync(path.join(folder, name), "half");
    await writeFileAtomic(path.join(folder, "a.bin"), "whole");
    expect(readdirSync(folder).sort()).toEqual([left[2], left[1], "a.bin"].sort());
  });

  it("says what is wrong with the path", async () => {
    writeFileSync(path.join(folder, "file"), "");
    await mkdir(path.join(folder, "taken"));
    await expect(writeFileAtomic(path.join(folder, "file", "x"), "data")).rejects.toThrow("a file stands where a folder is needed");
    await expect(writeFileAtomic(path.join(folder, "taken"), "data")).rejects.toThrow("the path is a folder");
    await expect(writeFileAtomic(path.join(folder, `${"x".repeat(300)}`), "data")).rejects.toThrow("choose a shorter name");
    expect(readdirSync(folder).sort()).toEqual(["file", "taken"]);
  });
});

describe("fileError", () => {
  it.each(["ENOSPC", "EDQUOT", "EACCES", "EPERM", "EROFS", "ENOENT", "EMFILE", "EFBIG", "EIO"])("says what to do about %s", (code) => {
    const error = fileError(systemError(code), "Could not write it.");
    expect(error.message).toContain("try:");
    expect(error.message).toContain(code);
  });

  it("passes a FileError through", () => {
    const error = new FileError("as it was");
    expect(fileError(error, "Could not read it.")).toBe(error);
  });
});
