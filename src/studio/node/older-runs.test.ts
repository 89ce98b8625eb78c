import { mkdir } from "node:fs/promises";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { z } from "zod";
import { findModel } from "../../models/index.ts";
import { createRun } from "../../runs/registry.ts";
import { newRun, temporaryHome } from "../../runs/testing/make.ts";
import type { Generator } from "../generate.ts";
import { routes as exploreRoutes } from "./explore.ts";
import { routes as generateRoutes } from "./generate.ts";
import type { RouteRequest, Studio } from "./route.ts";
import { router } from "./router.ts";
import { routes as shareRoutes } from "./share.ts";

const home = temporaryHome();
let studio: Studio;

beforeEach(async () => {
  const vae = findModel("vae").presets.smoke.config as Record<string, unknown>;
  const { codeSize: _, ...older } = vae;
  await createRun(newRun({ name: "now", config: vae }), home());
  await createRun(newRun({ name: "older", config: older }), home());
  const folders = new Map([["moved", path.join(home(), "nowhere")]]);
  studio = { runsFolder: home(), workers: { folders } } as unknown as Studio;
});

const find = router([...exploreRoutes, ...generateRoutes, ...shareRoutes]);

async function ask(address: string, body?: unknown): Promise<unknown> {
  const { route, parameters } = find(body === undefined ? "GET" : "POST", address);
  const json = (schema: z.ZodType) => Promise.resolve(schema.parse(body));
  const request = { parameters, query: new URLSearchParams(), signal: new AbortController().signal, json } as unknown as RouteRequest;
  return ((await route.handle(request, studio)) as { json: unknown }).json;
}

describe("runs whose settings are of another version", () => {
  it("are told to be that, instead of failing in the page", async () => {
    await expect(ask("/api/explore/older")).rejects.toThrow(/not those of this version's model "vae"[\s\S]*codeSize/);
    await expect(ask("/api/generate/older")).rejects.toThrow(/not those of this version's model "vae"[\s\S]*codeSize/);
  });

  it("do not become one file, nor do runs without a checkpoint", async () => {
    const float32 = { precision: "float32" };
    await expect(ask("/api/share/older", float32)).rejects.toThrow(/not those of this version's model "vae"/);
    await expect(ask("/api/share/now", float32)).rejects.toThrow("The run now has no checkpoint yet.");
    await expect(ask("/api/share/now", { precision: "float8" })).rejects.toThrow(/float16/);
    expect(await ask("/api/share/now")).toEqual([]);
  });

  it("are listed with the reason, beside those that can be used and folders that are gone", async () => {
    await mkdir(path.join(home(), "half"));
    const all = (await ask("/api/generate")) as Generator[];
    const reasons = Object.fromEntries(all.map(({ name, kind, reason }) => [name, [kind, reason]]));
    expect(reasons.now[0]).toBe("pictures");
    expect(reasons.older).toEqual(["none", expect.stringMatching(/not those of this version's model "vae"/)]);
    expect(reasons.half).toEqual(["none", expect.any(String)]);
    expect(reasons.moved).toEqual(["none", "The folder holds no model."]);
  });
});
