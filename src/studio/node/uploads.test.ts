import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodePng } from "../../report/png.ts";
import type { Task } from "../tasks.ts";
import type { UploadResult } from "../uploads.ts";
import { dataToUse, findEntry, listEntries } from "./data-entries.ts";
import { removeOwn, uploadsFolder } from "./own-data.ts";
import type { TaskOrder } from "./tasks.ts";
import { checkUpload } from "./upload-check.ts";
import { Uploads } from "./uploads.ts";

let home: string;
let uploads: Uploads;
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), "atelier-uploads-"));
  uploads = new Uploads(home);
});
afterEach(async () => {
  await uploads.close();
  await rm(home, { recursive: true, force: true });
});

/** Checks in this process rather than in a child. */
class Here {
  ended: Promise<UploadResult> = Promise.resolve({ name: "", kept: 0, refused: [], notes: [] });
  start({ kind, subject, input, finish, undo }: TaskOrder): Task {
    const surroundings = { onProgress: () => undefined, signal: new AbortController().signal };
    this.ended = (async () => {
      try {
        return (await finish!(await checkUpload(input as never, surroundings))) as UploadResult;
      } catch (error) {
        await undo!();
        throw error;
      }
    })();
    this.ended.catch(() => undefined);
    return { id: "here", kind, subject, state: "running", message: "", seconds: 0 };
  }
}

function png(shade: number, side = 16): Uint8Array {
  return encodePng({ width: side, height: side, channels: 1, data: new Uint8Array(side * side).fill(shade) });
}

/** A PNG of a few bytes whose header claims to be huge. */
function bomb(): Uint8Array {
  const bytes = png(0).slice();
  new DataView(bytes.buffer).setUint32(16, 60_000);
  new DataView(bytes.buffer).setUint32(20, 60_000);
  return withHeaderChecksum(bytes);
}

function withHeaderChecksum(bytes: Uint8Array): Uint8Array {
  let crc = 0xffffffff;
  for (const byte of bytes.subarray(12, 29)) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  new DataView(bytes.buffer).setUint32(29, ~crc >>> 0);
  return bytes;
}

type Given = Readonly<Record<string, Uint8Array | string>>;
const bytesOf = (content: Uint8Array | string) => (typeof content === "string" ? Buffer.from(content) : content);

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function offered(files: Given) {
  return Object.entries(files).map(([name, content]) => ({ path: name, bytes: bytesOf(content).length }));
}

/** All the way: begin, send in odd pieces, finish. */
async function upload(name: string, files: Given): Promise<UploadResult> {
  const { id, accepted } = await uploads.begin(name, offered(files));
  const all = Buffer.concat(accepted.map((file) => bytesOf(files[file.path])));
  const half = Math.floor(all.length / 2);
  const got = await uploads.take(id, 0, pieces(all.subarray(0, half), 37));
  await uploads.take(id, got, pieces(all.subarray(half), 1000));
  const here = new Here();
  await uploads.finish(id, here);
  return here.ended;
}

const left = async () => (await readdir(uploadsFolder(home)).catch(() => [])).sort();

describe("uploads", () => {
  test("a folder with classes becomes a data set; bad files are named, the rest stays", async () => {
    const result = await upload("shapes", {
      "dark/1.png": png(10),
      "dark/2.png": png(20),
      "light/1.png": png(200),
      "light/2.png": png(210),
      "light/huge.png": bomb(),
      "light/cut.png": png(220, 64).subarray(0, 60),
      "light/fake.png": "<svg xmlns='http://www.w3.org/2000/svg'/>",
      "light/tiny.png": png(1, 4),
      "notes.docx": "words",
      "../outside.png": png(3),
      ".DS_Store": "x",
    });
    expect(result).toMatchObject({ name: "own:shapes", kept: 4 });
    const because = Object.fromEntries(result.refused.map((one) => [one.path, one.because]));
    expect(Object.keys(because).sort()).toEqual(
      ["../outside.png", ".DS_Store", "light/cut.png", "light/fake.png", "light/huge.png", "light/tiny.png", "notes.docx"].sort(),
    );
    expect(because["light/huge.png"]).toBe("60000 x 60000 pixels: too large, scale it down first");
    expect(because["light/fake.png"]).toContain("not a PNG, JPEG or WebP picture");
    expect(because["light/cut.png"]).toContain("broken");
    expect(await left()).toEqual(["shapes"]);
    expect(await findEntry("own:shapes", home)).toMatchObject({ kind: "pictures", classes: ["dark", "light"], own: true, prepared: true });
    expect(await dataToUse("own:shapes", home)).toBe(path.join(uploadsFolder(home), "shapes", "shapes"));
    expect(await readFile(path.join(uploadsFolder(home), "shapes", "shapes", "dark", "1.png"))).toEqual(Buffer.from(png(10)));
    await expect(uploads.begin("shapes", offered({ "a.png": png(1) }))).rejects.toThrow("already");
    await removeOwn("own:shapes", home);
    expect(await left()).toEqual([]);
  });

  test("labels.csv loses the rows of pictures that are not there; one that is wrong is left out", async () => {
    const pictures = { "a.png": png(1), "b.png": png(2), "c.png": bomb() };
    const labels = 'file,label,has hat\na.png,"one, two",1\nb.png,three,0\nc.png,three,0\nd.png,three,1\n';
    const result = await upload("labelled", { ...pictures, "labels.csv": labels });
    expect(result).toMatchObject({ kept: 2, notes: ["labels.csv names pictures that are not there; their rows were left out: 2"] });
    expect(await findEntry("own:labelled", home)).toMatchObject({ classes: ["one, two", "three"], attributes: ["has-hat"] });
    const wrong = await upload("unlabelled", { ...pictures, "labels.csv": "picture;label\na.png;x\n" });
    expect(wrong.refused.map((one) => one.path)).toEqual(["c.png", "labels.csv"]);
    expect(await findEntry("own:unlabelled", home)).toMatchObject({ classes: [] });
  });

  test("texts become a data set; what is no text is named", async () => {
    const result = await upload("letters", {
      "a.txt": "To be, or not to be.\n".repeat(50),
      "b.txt": "a\u0000b",
      "c.jsonl": "not json\n",
      "d.txt": " ",
    });
    expect(result).toMatchObject({ name: "own:letters", kept: 1 });
    expect(result.refused.map((one) => one.path)).toEqual(["b.txt", "c.jsonl", "d.txt"]);
    expect(await findEntry("own:letters", home)).toMatchObject({ kind: "text" });
    expect((await listEntries(home)).at(-1)).toMatchObject({ name: "own:letters" });
  });

  test.each(["../evil", "a/b", "", "con", "."])("the name %j is refused", async (name) => {
    await expect(uploads.begin(name, offered({ "a.png": png(1) }))).rejects.toThrow("cannot have this name");
    expect(await left()).toEqual([]);
  });

  test("nothing that can be used is an error and leaves nothing", async () => {
    await expect(uploads.begin("none", offered({ "a.exe": "x" }))).rejects.toThrow("nothing to upload");
    await expect(uploads.begin("none", offered({ "../a.png": png(1) }))).rejects.toThrow("leads out of the folder");
    await expect(upload("few", { "a.png": png(1), "b.png": bomb() })).rejects.toThrow("Too few");
    expect(await left()).toEqual([]);
  });

  test("what breaks off goes on where it stood, or is given up and leaves nothing", async () => {
    const files = { "a.png": png(1), "b.png": png(2) };
    const { id, bytes } = await uploads.begin("broken-off", offered(files));
    const all = Buffer.concat(Object.values(files));
    async function* dies(): AsyncGenerator<Uint8Array> {
      yield all.subarray(0, 50);
      throw new Error("the connection is gone");
    }
    await expect(uploads.take(id, 0, dies())).rejects.toThrow();
    expect((await left())[0]).toMatch(/^\..*\.partial$/);
    await uploads.cancel(id);
    expect(await left()).toEqual([]);
    await expect(uploads.take(id, 50, pieces(all.subarray(50), 10))).rejects.toThrow("no such upload");
    expect(bytes).toBe(all.length);
  });

  test("bytes come in order, and never more than announced", async () => {
    const files = { "a.png": png(1), "b.png": png(2) };
    const { id, bytes } = await uploads.begin("order", offered(files));
    await expect(uploads.take(id, 10, pieces(png(1), 10))).rejects.toThrow("not the next bytes");
    await expect(uploads.finish(id, new Here())).rejects.toThrow("not complete");
    await expect(uploads.take(id, 0, pieces(new Uint8Array(bytes + 1), 100_000))).rejects.toThrow("More bytes came");
    await uploads.close();
    expect(await left()).toEqual([]);
  });
});

describe("data of one's own", () => {
  test("what is damaged is listed as broken, and names are no paths", async () => {
    await upload("good", { "a.png": png(1), "b.png": png(2) });
    await writeFile(path.join(uploadsFolder(home), "good", "about.json"), "{");
    const entries = await listEntries(home);
    expect(entries.at(-1)).toMatchObject({ name: "own:good", broken: "its description is damaged" });
    await expect(dataToUse("own:good", home)).rejects.toThrow("cannot be used");
    for (const name of ["own:../..", "own:.", "own:", "own:good/good"])
      await expect(findEntry(name, home)).rejects.toThrow("no name of uploaded data");
    await expect(findEntry("own:absent", home)).rejects.toThrow("no uploaded data");
    await expect(findEntry("/etc", home)).rejects.toThrow("no data set named");
  });
});
