import { appendFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import { temporaryHome } from "../../runs/testing/make.ts";
import { MetricsStore } from "./metrics-store.ts";

const home = temporaryHome();

it("reads what has been added since the last look, also a line in two pieces", async () => {
  const file = path.join(home(), "metrics.jsonl");
  const store = new MetricsStore();
  expect(await store.read(file)).toMatchObject({ rows: 0 });
  await writeFile(file, '{"step":1,"loss":2}\n{"step":2,"lo');
  const table = await store.read(file);
  expect([table.rows, table.columns.get("loss")![0]]).toEqual([1, 2]);
  await appendFile(file, 'ss":"NaN","held":7}\nnot a row\n{"step":3,"loss":1,"name":"text"}\n');
  expect(await store.read(file)).toBe(table);
  expect([...table.columns.get("loss")!.slice(0, 3)]).toEqual([2, Number.POSITIVE_INFINITY, 1]);
  expect([...table.columns.get("held")!.slice(0, 3)]).toEqual([Number.NaN, 7, Number.NaN]);
  expect([[...table.columns.keys()], table.rows, table.damaged]).toEqual([["loss", "held"], 3, 1]);
});

it("begins anew where the file was shortened or replaced, and is empty where it is gone", async () => {
  const file = path.join(home(), "metrics.jsonl");
  const store = new MetricsStore();
  const line = (step: number) => `{"step":${step},"loss":${step}}\n`;
  await writeFile(file, Array.from({ length: 3000 }, (_, i) => line(i + 1)).join(""));
  const first = await store.read(file);
  expect([first.rows, first.steps[2999]]).toEqual([3000, 3000]);
  await truncate(file, line(1).length);
  const second = await store.read(file);
  expect([second.rows, second.generation > first.generation]).toEqual([1, true]);
  await writeFile(`${file}.new`, Array.from({ length: 5 }, (_, i) => line(10 + i)).join(""));
  await rename(`${file}.new`, file);
  expect([...(await store.read(file)).steps.slice(0, 5)]).toEqual([10, 11, 12, 13, 14]);
  await rm(file);
  expect(await store.read(file)).toMatchObject({ rows: 0 });
});
