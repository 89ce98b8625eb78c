import { describe, expect, it } from "vitest";
import { z } from "zod";
import { readSampling } from "./sampling-options.ts";

const sampling = z.strictObject({
  steps: z.int().min(1).max(1000).default(50).describe("evaluations of the network"),
  sampler: z.enum(["ancestral", "ddim"]).default("ddim").describe("the sampler"),
  noise: z.array(z.number()).default([0]).describe("noises"),
});
const record = { name: "painter", sampling };

describe("--sampling", () => {
  it("reads one option, several in one text, and several texts", async () => {
    expect(await readSampling(record, undefined)).toBeUndefined();
    expect(await readSampling(record, ["steps=10"])).toEqual({ steps: 10 });
    expect(await readSampling(record, ["steps=10, sampler=ancestral"])).toEqual({ steps: 10, sampler: "ancestral" });
    expect(await readSampling(record, ["noise=[1,2],steps=3", "sampler=ddim"])).toEqual({ noise: [1, 2], steps: 3, sampler: "ddim" });
  });

  it("says what is wrong", async () => {
    await expect(readSampling(record, ["step=10"])).rejects.toThrow('There is no sampling option named "step".');
    await expect(readSampling(record, ["step=10"])).rejects.toThrow('did you mean "steps"?');
    await expect(readSampling(record, ["steps=0"])).rejects.toThrow("integer from 1 to 1000 (evaluations of the network)");
    await expect(readSampling(record, ["sampler=fast"])).rejects.toThrow('"ancestral" or "ddim"');
    await expect(readSampling(record, ["steps"])).rejects.toThrow("--sampling key=value");
    await expect(readSampling({ name: "plain" }, ["steps=1"])).rejects.toThrow('The model "plain" has no sampling options.');
  });
});
