import { createEffect, createMemo, createResource, createSignal, on } from "solid-js";
import type { DataEntry } from "../../../../src/studio/data.ts";
import { changedSettings, fieldText, type ModelChoice, type ModelForm } from "../../../../src/studio/forms.ts";
import type { RunDetail, StartRequest } from "../../../../src/studio/training.ts";
import { api } from "../../api.ts";

/** What can be trained, and with how many threads where nothing is said. */
export interface Offer {
  readonly models: readonly ModelChoice[];
  readonly threads: number;
}

/** Everything that is chosen on the page of a new training, and what follows from it. */
export function trainingChoices(query: URLSearchParams) {
  const [offer] = createResource(() => api.get<Offer>("/api/training/models"));
  const [sets] = createResource(async () => (await api.get<{ sets: DataEntry[] }>("/api/data")).sets);
  const [model, setModel] = createSignal(query.get("model") ?? "vae");
  const [form] = createResource(model, (name) => api.get<ModelForm>(`/api/training/forms/${encodeURIComponent(name)}`));
  const [presetName, setPreset] = createSignal(query.get("preset") ?? "small");
  const [data, setData] = createSignal<string | undefined>(query.get("data") ?? undefined);
  const [texts, setTexts] = createSignal<Readonly<Record<string, string>>>({});
  const [name, setName] = createSignal("");
  const [seed, setSeed] = createSignal("0");
  const [threads, setThreads] = createSignal<number>();
  const [limit, setLimit] = createSignal<number>();

  const preset = createMemo(() => {
    const presets = form.latest?.presets ?? [];
    return presets.find((each) => each.name === presetName()) ?? presets.find((each) => each.name === "small");
  });
  const chosen = createMemo(() => changedSettings(form.latest?.fields ?? [], preset()?.values ?? {}, texts()));
  const request = createMemo<StartRequest | undefined>(() => {
    const [shown, values] = [form.latest, preset()];
    if (shown === undefined || values === undefined) return undefined;
    const wanted = data() === values.data ? undefined : data();
    return {
      ...{ model: shown.model, preset: values.name, settings: chosen().settings },
      ...(wanted === undefined ? {} : { data: wanted }),
      ...(name().trim() === "" ? {} : { name: name().trim() }),
      seed: seed().trim() === "" ? "0" : seed().trim(),
      ...(threads() === undefined ? {} : { threads: threads() }),
      ...(limit() === undefined ? {} : { limit: limit() }),
    };
  });
  const choose = (next: string) => {
    setTexts({});
    setData(undefined);
    setModel(next);
  };
  const choosePreset = (next: string) => {
    setTexts({});
    setData(undefined);
    setPreset(next);
  };
  const setText = (key: string, text: string | undefined) =>
    setTexts(({ [key]: _, ...rest }) => (text === undefined ? rest : { ...rest, [key]: text }));
  const copied = copyOf(query.get("from"), { setModel, setPreset, setData, setSeed });
  // The fields of a copied run are known when its model's form is.
  createEffect(
    on([copied, () => form.latest], ([run, shown]) => {
      if (run !== undefined && shown !== undefined && shown.model === run.model) setTexts(textsOf(run, shown));
    }),
  );
  return {
    ...{ offer, sets, model, form, preset, data, texts, name, seed, threads, limit, chosen, request },
    ...{ choose, choosePreset, setData, setText, setName, setSeed, setThreads, setLimit },
  };
}

export type Choices = ReturnType<typeof trainingChoices>;

interface Setters {
  setModel(name: string): void;
  setPreset(name: string): void;
  setData(name: string): void;
  setSeed(seed: string): void;
}

/** A run whose settings a new training begins with. */
function copyOf(name: string | null, { setModel, setPreset, setData, setSeed }: Setters): () => RunDetail | undefined {
  const [run] = createResource(
    () => name ?? undefined,
    async (from) => {
      const found = await api.get<RunDetail>(`/api/runs/${encodeURIComponent(from)}`);
      if (found.model !== null) setModel(found.model);
      if (found.preset !== null) setPreset(found.preset);
      if (found.data !== null && !/[/\\]/.test(found.data)) setData(found.data);
      if (found.seed !== null) setSeed(found.seed);
      return found;
    },
  );
  return () => run.latest;
}

function textsOf({ config, training, preset }: RunDetail, form: ModelForm): Record<string, string> {
  const values = form.presets.find(({ name }) => name === preset)?.values ?? {};
  const texts: Record<string, string> = {};
  for (const { key, group } of form.fields) {
    const found = key
      .split(".")
      .reduce<unknown>((inner, part) => (inner as Record<string, unknown> | undefined)?.[part], group === "model" ? config : training);
    if (found !== undefined && fieldText(found) !== fieldText(values[key])) texts[key] = fieldText(found);
  }
  return texts;
}

/** Data that a model can take: those that suit it first. */
export function fittingData(form: ModelForm, sets: readonly DataEntry[]): DataEntry[] {
  const kinds = form.takes === "numbers" ? ["pictures", "points"] : form.takes === "text" ? ["text", "pairs"] : ["pairs"];
  const rank = ({ name }: DataEntry) => (form.sets.includes(name) ? form.sets.indexOf(name) : form.sets.length);
  return sets.filter(({ kind, broken }) => kinds.includes(kind) && broken === undefined).sort((a, b) => rank(a) - rank(b));
}
