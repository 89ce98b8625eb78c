// Diffusion from the command line: how to sample, start from pictures, fill them in and morph them, and what is refused.
import { readFile } from "node:fs/promises";
import { decode } from "fast-png";
import { beforeAll, describe, expect, it } from "vitest";
import { Sandbox } from "./harness.ts";

const sandbox = await Sandbox.create();
const file = (name: string) => sandbox.path(name);

/** Run inside the test's process, to a good end. */
async function done(...args: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await sandbox.inside([...args, "--json"]);
  if (code !== 0) throw new Error(`${args.join(" ")}: ${err}`);
  return JSON.parse(out) as Record<string, unknown>;
}

async function refused(...args: string[]): Promise<string> {
  const { code, out, err } = await sandbox.inside(args);
  expect([code, out]).toEqual([2, ""]);
  return err;
}

beforeAll(async () => {
  const pictures = await sandbox.pictures("pictures", 60);
  const train = (model: string, ...more: string[]) =>
    done("train", model, "--preset", "smoke", "--steps", "3", "--data", pictures, ...more);
  await train("ddpm", "--run", "plain");
  await train("conditional-ddpm", "--run", "told", "--set", "conditions=2");
  await train("super-resolution", "--run", "sharp");
});

describe("diffusion", () => {
  it("samples as it is told, the same bits for the same seed", async () => {
    const draw = async (name: string, ...more: string[]) => {
      await done("generate", "plain", "--count", "4", "--out", file(name), ...more);
      return decode(await readFile(file(name))).data;
    };
    const first = await draw("a.png", "--sampling", "steps=5,sampler=ddim");
    expect(await draw("b.png", "--sampling", "steps=5", "--sampling", "sampler=ddim")).toEqual(first);
    expect(await draw("c.png", "--sampling", "steps=5,sampler=dpm-solver++")).not.toEqual(first);
    const { frames } = await done("generate", "plain", "--frames", file("frames.png"), "--out", file("d.png"));
    expect(frames).toBe("<folder>/frames.png");
  });

  it("starts from pictures, fills them in, and morphs them", async () => {
    expect(await done("generate", "plain", "--from", "0,1", "--sampling", "strength=0.4", "--out", file("e.png"))).toMatchObject({
      count: "4",
    });
    await done("generate", "plain", "--given", "0", "--known", "top", "--sampling", "resample=2", "--out", file("f.png"));
    await done("interpolate", "plain", "--from", "0", "--to", "1", "--method", "spherical", "--out", file("g.png"));
    await done("generate", "told", "--label", "left", "--sampling", "guidance=3", "--out", file("h.png"));
    await done("generate", "sharp", "--from", "0,1,2", "--out", file("i.png"));
  });

  it("refuses what cannot be", async () => {
    expect(await refused("generate", "plain", "--sampling", "steps=0")).toContain("integer from 1 to 10000");
    expect(await refused("generate", "plain", "--sampling", "steps=51")).toContain("The schedule does not have so many steps.");
    expect(await refused("generate", "plain", "--sampling", "guidance=2")).toContain("it takes no conditions");
    expect(await refused("generate", "plain", "--sampling", "stepps=2")).toContain('did you mean "steps"?');
    expect(await refused("generate", "sharp")).toContain("needs pictures to start from");
    expect(await refused("generate", "sharp", "--given", "0", "--known", "top")).toContain("cannot fill in a given picture");
    expect(await refused("evaluate", "plain", "--sampling", "sampler=fast")).toContain('"ancestral" or "ddim"');
  });
});
