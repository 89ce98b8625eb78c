import { expect, it } from "vitest";
import { Admission } from "./admission.ts";

const free = () => new AbortController().signal;

it("gives slots in turn to requests, and each only once", async () => {
  const admission = new Admission(1, 10);
  const first = await admission.enter(free()).slot();
  const order: string[] = [];
  const take = async (ticket: { slot(): Promise<() => void> }, name: string) => {
    const release = await ticket.slot();
    order.push(name);
    release();
    release();
  };
  const [a, b] = [admission.enter(free()), admission.enter(free())];
  const all = [take(a, "a"), take(a, "a"), take(a, "a"), take(b, "b")];
  expect([admission.active, admission.waiting]).toEqual([1, 2]);
  first();
  await Promise.all(all);
  expect(order).toEqual(["a", "b", "a", "a"]);
  expect([admission.active, admission.waiting]).toEqual([0, 0]);
});

it("refuses when too many wait, and lets go those that leave", async () => {
  const admission = new Admission(1, 1);
  const release = await admission.enter(free()).slot();
  const controller = new AbortController();
  const waits = admission.enter(controller.signal).slot();
  expect(() => admission.enter(free())).toThrow("busy");
  controller.abort(new Error("left"));
  await expect(waits).rejects.toThrow("left");
  expect(admission.waiting).toBe(0);
  const next = admission.enter(free()).slot();
  release();
  (await next)();
  admission.close();
  expect(() => admission.enter(free())).toThrow("shutting down");
});
