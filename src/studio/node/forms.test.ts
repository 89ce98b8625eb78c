import { describe, expect, it } from "vitest";
import { findModel, models } from "../../models/index.ts";
import { changedSettings, fieldText, readField } from "../forms.ts";
import { modelForm, settingProblems } from "./forms.ts";
import { trainingWords } from "./launch.ts";

const form = modelForm(findModel("vae"));
const field = (key: string) => form.fields.find((each) => each.key === key)!;

describe("forms", () => {
  it("have a field for every setting of every model, and every preset fills it and reads back", () => {
    for (const record of models) {
      const { fields, presets } = modelForm(record);
      for (const { name, values } of presets) {
        const texts = Object.fromEntries(fields.map(({ key }) => [key, fieldText(values[key])]));
        const problems = fields.flatMap((each) => {
          const read = readField(each, texts[each.key]);
          return "problem" in read ? [`${record.name} ${name} ${each.key}: ${read.problem}`] : [];
        });
        expect(problems).toEqual([]);
        expect(changedSettings(fields, values, texts)).toEqual({ settings: {}, problems: [] });
      }
      expect(fields.filter(({ about }) => about === "").map(({ key }) => `${record.name} ${key}`)).toEqual([]);
    }
  });

  it("know kinds, limits and choices", () => {
    expect(field("learningRate")).toMatchObject({ group: "training", kind: "number", above: 0, maximum: 10 });
    expect(field("batch")).toMatchObject({ kind: "integer", minimum: 1, maximum: 65_536 });
    expect(field("optimizer")).toMatchObject({ kind: "choice", choices: ["sgd", "rmsprop", "adam", "adamw"] });
    expect(field("image")).toMatchObject({ group: "model", kind: "json" });
    expect(field("flip").kind).toBe("boolean");
    expect(form.takes).toBe("numbers");
    expect(modelForm(findModel("gpt")).takes).toBe("text");
  });

  it("tell a wrong value beside its field, and send only what differs", () => {
    const { values } = form.presets.find(({ name }) => name === "small")!;
    const texts = { learningRate: "11", batch: "2.5", epochs: "3", seed: "1", image: "[1,", optimizer: fieldText(values.optimizer) };
    const { settings, problems } = changedSettings(form.fields, values, texts);
    expect(settings).toEqual({ epochs: 3 });
    expect(Object.fromEntries(problems.map(({ key, message }) => [key, message]))).toMatchInlineSnapshot(`
      {
        "batch": "must be an integer from 1 to 65536",
        "image": "must be list [1 or 3, integer from 8 to 512, integer from 8 to 512] or list [integer from 1 to 4096], written as JSON",
        "learningRate": "must be a number <= 10 and > 0",
      }
    `);
  });
});

describe("the server's check", () => {
  const vae = findModel("vae");

  it("names the field of each problem, also those that lie between fields", () => {
    expect(settingProblems(vae, "smoke", { learningRate: 0.5, codeSize: 4 })).toEqual([]);
    expect(settingProblems(vae, "smoke", { learningRate: -1, batch: "x", nothing: 1 })).toEqual([
      { key: "nothing", message: "there is no such setting" },
    ]);
    expect(
      settingProblems(vae, "smoke", { learningRate: -1, image: [1, 2] })
        .map(({ key }) => key)
        .sort(),
    ).toEqual(["image", "learningRate"]);
  });

  it("writes what is asked for as the command line reads it", () => {
    const settings = { image: [1, 8, 8], optimizer: "sgd", flip: true };
    expect(trainingWords({ model: "vae", preset: "smoke", settings, limit: 10 }, "mnist").join(" ")).toBe(
      "train vae --preset smoke --seed 0 --data mnist --limit 10 --set image=[1,8,8] --set optimizer=sgd --set flip=true",
    );
  });
});
