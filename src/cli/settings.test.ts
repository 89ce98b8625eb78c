import { describe, expect, it } from "vitest";
import { z } from "zod";
import { UsageError } from "../core/errors.ts";
import { describeSettings, resolveSettings } from "./settings.ts";

const schema = z.object({
  codeSize: z.number().int().min(1).max(512).describe("length of the code vector"),
  klWeight: z.number().nonnegative().describe("weight of the KL term; above 1 is a beta-VAE"),
  dropout: z.number().gte(0).lt(1).default(0.5),
  learningRate: z.number().positive().describe("step size of Adam"),
  image: z.tuple([z.number().int(), z.number().int(), z.number().int()]).describe("channels, height, width"),
  channels: z.array(z.number().int().positive()).min(1).max(5).describe("channels after each convolution"),
  batchNorm: z.boolean().describe("normalise after each convolution"),
  activation: z.enum(["relu", "gelu", "leaky-relu"]),
  name: z.string().optional(),
  clip: z.number().positive().nullable().describe("largest norm of the gradient; null for none"),
  warmup: z.union([z.literal("auto"), z.number().int()]),
  optimizer: z.object({ beta1: z.number().min(0).max(1), beta2: z.number().min(0).max(1) }),
  weights: z.record(z.string(), z.number()),
  even: z.number().refine((value) => value % 2 === 0, "an even number"),
});

const preset = {
  codeSize: 16,
  klWeight: 1,
  learningRate: 1e-3,
  image: [1, 32, 32],
  channels: [32, 64, 128],
  batchNorm: true,
  activation: "gelu",
  clip: null,
  warmup: "auto",
  optimizer: { beta1: 0.9, beta2: 0.999 },
  weights: {},
  even: 2,
};

function failure(...assignments: string[]): string {
  try {
    resolveSettings(schema, preset, assignments);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as UsageError).message;
  }
  return "no error";
}

describe("settings", () => {
  it("are the preset where nothing is set, with the schema's defaults", () => {
    expect(resolveSettings(schema, preset, [])).toEqual({ ...preset, dropout: 0.5 });
  });

  const good: [string, string, unknown][] = [
    ["codeSize=2", "codeSize", 2],
    ["klWeight=0", "klWeight", 0],
    ["learningRate=3e-4", "learningRate", 3e-4],
    ["image=[3,64,64]", "image", [3, 64, 64]],
    ["channels=[8, 16]", "channels", [8, 16]],
    ["batchNorm=false", "batchNorm", false],
    ["activation=leaky-relu", "activation", "leaky-relu"],
    ["name=a=b", "name", "a=b"],
    ["name=3", "name", "3"],
    ["clip=1.5", "clip", 1.5],
    ["clip=null", "clip", null],
    ["warmup=10", "warmup", 10],
    ["warmup=auto", "warmup", "auto"],
    ["optimizer.beta1=0.5", "optimizer", { beta1: 0.5, beta2: 0.999 }],
    ['optimizer={"beta1":0,"beta2":1}', "optimizer", { beta1: 0, beta2: 1 }],
    ["weights.kl=2", "weights", { kl: 2 }],
    [" codeSize =4", "codeSize", 4],
  ];
  it.each(good)("reads %s", (assignment, key, value) => {
    expect(resolveSettings(schema, preset, [assignment])[key as keyof typeof preset]).toEqual(value);
  });

  it("takes the last of several, and leaves the preset alone", () => {
    expect(resolveSettings(schema, preset, ["optimizer.beta1=0.1", "optimizer.beta1=0.2"]).optimizer.beta1).toBe(0.2);
    expect(preset.optimizer.beta1).toBe(0.9);
  });

  it.each([
    "codeSize",
    "=3",
    "",
    "codesize=3",
    "kl=3",
    "optimizer.beta3=1",
    "optimizer.beta1.x=1",
    "__proto__.x=1",
    "weights.__proto__=1",
    "constructor=1",
    "codeSize=big",
    "codeSize=",
    "codeSize=2.5",
    "codeSize=0",
    "klWeight=-1",
    "klWeight=NaN",
    "klWeight=Infinity",
    "dropout=1",
    "learningRate=0",
    "image=[1,28]",
    "image=1,28,28",
    "image=[1,28,big]",
    "channels=[]",
    "channels=[8,0]",
    'channels={"a":1}',
    "batchNorm=yes",
    "activation=swish",
    "clip=none",
    "warmup=1.5",
    "optimizer=3",
    "optimizer.beta1=2",
    "weights.kl=much",
    "even=3",
  ])("refuses %j", (assignment) => {
    expect(failure(assignment)).toMatchSnapshot();
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it("are described by key, type, default and meaning", () => {
    expect(describeSettings(schema, preset)).toMatchSnapshot();
  });
});
