import { createResource, createSignal, type JSX, Show } from "solid-js";
import type { NamedPrompt } from "../../../../src/studio/generate.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { SelectField, TextField } from "../../components/field.tsx";
import { notify, tellError } from "../../components/notices.tsx";

export interface NamedPromptsProps {
  /** The one that was taken up or kept last; "" for none. */
  readonly name: string;
  readonly onName: (name: string) => void;
  readonly onTake: (prompt: NamedPrompt) => void;
  /** What there is now, under a name. */
  readonly prompt: (name: string) => NamedPrompt;
}

/** Prompts with names: take one up, keep, rename, remove. */
export function NamedPrompts(props: NamedPromptsProps): JSX.Element {
  const [prompts, { refetch }] = createResource(() => api.get<NamedPrompt[]>("/api/prompts").catch(() => [] as NamedPrompt[]));
  const [name, setName] = createSignal(props.name);
  const known = () => prompts.latest?.find((prompt) => prompt.name === props.name);
  const attempt = async (what: string, work: () => Promise<unknown>) => {
    try {
      await work();
      await refetch();
      notify({ kind: "done", text: what });
    } catch (error) {
      tellError(error);
    }
  };
  const path = (of: string) => `/api/prompts/${encodeURIComponent(of)}`;
  const take = (chosen: string) => {
    const prompt = prompts.latest?.find((one) => one.name === chosen);
    props.onName(chosen);
    setName(chosen);
    if (prompt !== undefined) props.onTake(prompt);
  };
  const save = () =>
    attempt(`Kept as "${name()}".`, async () => {
      await api.post(path(name()), props.prompt(name()));
      props.onName(name());
    });
  const rename = (to: string) =>
    attempt(`Renamed to "${to}".`, async () => {
      await api.post(`${path(props.name)}/rename`, { to });
      props.onName(to);
    });
  const remove = (of: string) =>
    attempt(`"${of}" is removed.`, async () => {
      await api.delete(path(of));
      props.onName("");
    });
  return (
    <div class="named-prompts">
      <SelectField
        label="Named prompt"
        value={known()?.name ?? ""}
        options={[{ value: "", label: "none" }, ...(prompts.latest ?? []).map((prompt) => ({ value: prompt.name, label: prompt.name }))]}
        onValue={take}
      />
      <TextField label="Name" hint="letters, digits, - and _" value={name()} onValue={(text) => setName(text.trim())} live />
      <div class="row">
        <Button disabled={name() === ""} onClick={() => void save()}>
          Keep
        </Button>
        <Show when={known()}>
          <Button disabled={name() === "" || name() === props.name} onClick={() => void rename(name())}>
            Rename
          </Button>
          <Button look="danger" onClick={() => void remove(props.name)}>
            Remove
          </Button>
        </Show>
      </div>
    </div>
  );
}
