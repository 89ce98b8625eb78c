import { expect, test } from "vitest";
import { commonFolder, isUploadName, pathProblem, sortFiles, uploadKind, uploadLimits, uploadNameFrom } from "./uploads.ts";

test.each([
  "../evil.png",
  "a/../../evil.png",
  "/etc/passwd.png",
  "a//b.png",
  "./a.png",
  "a\\..\\b.png",
  "C:/a.png",
  "a\u0000.png",
  "con/a.png",
  "nul.png",
  "a./b.png",
  "a /b.png",
  "",
  ".hidden.png",
  "a/.git/b.png",
  "__MACOSX/a.png",
  "1/2/3/4/5/6/a.png",
  `${"x".repeat(121)}.png`,
])("the path %j is refused", (path) => {
  expect(pathProblem(path)).toBeTypeOf("string");
});

test.each(["a.png", "cats/tabby 1.jpg", "cats/Katze-ä.webp", "labels.csv", "a/b/c/d/e/f.png"])("the path %j is taken", (path) => {
  expect(pathProblem(path)).toBeUndefined();
});

test("names are a run's, and one is made of any folder's", () => {
  expect(["cats", "Cats_2-b"].every(isUploadName)).toBe(true);
  expect(["", "-cats", "a/b", "..", "con", "a".repeat(65), "a b"].some(isUploadName)).toBe(false);
  expect([uploadNameFrom("My photos (2025)"), uploadNameFrom("Füchse"), uploadNameFrom("../.."), uploadNameFrom("日本")]).toEqual([
    "My-photos-2025",
    "Fu-chse",
    "my-data",
    "my-data",
  ]);
});

test("one picture makes it a set of pictures; the folder that all lie in is found", () => {
  expect([uploadKind(["a.txt", "b.PNG"]), uploadKind(["a.txt"]), uploadKind(["a.exe"])]).toEqual(["pictures", "text", undefined]);
  expect(commonFolder(["photos/a.png", "photos/b/c.png"])).toBe("photos/");
  expect(commonFolder(["cats/a.png", "dogs/b.png"])).toBe("");
  expect(commonFolder(["a.png"])).toBe("");
});

test("files are taken or refused one by one, with the reason", () => {
  const { accepted, refused } = sortFiles(
    [
      { path: "cats/a.png", bytes: 10 },
      { path: "cats/A.PNG", bytes: 10 },
      { path: "b.png", bytes: 0 },
      { path: "big.png", bytes: uploadLimits.fileBytes + 1 },
      { path: "run.exe", bytes: 5 },
      { path: "labels.csv", bytes: 5 },
      { path: "../c.png", bytes: 5 },
    ],
    "pictures",
  );
  expect(accepted.map(({ path }) => path)).toEqual(["cats/a.png", "labels.csv"]);
  expect(refused.map(({ because }) => because)).toEqual([
    "another file has this name already",
    "it is empty",
    "it is larger than 64 MiB",
    "not a .png, .jpg or .webp picture (nor labels.csv beside them)",
    "its path leads out of the folder or is not a path",
  ]);
});

test("there are no more files and bytes than the limits allow", () => {
  const many = Array.from({ length: uploadLimits.files + 2 }, (_, i) => ({ path: `${i}.png`, bytes: 1 }));
  expect(sortFiles(many, "pictures").refused).toHaveLength(2);
  const large = Array.from({ length: 33 }, (_, i) => ({ path: `${i}.txt`, bytes: uploadLimits.fileBytes }));
  expect(sortFiles(large, "text").accepted).toHaveLength(32);
});
