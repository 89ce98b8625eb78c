import { createResource, createSignal, Index, type JSX, Show } from "solid-js";
import type { Example, NamedPrompt } from "../../../../src/studio/generate.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { Field, SelectField, TextField } from "../../components/field.tsx";
import { notify, tellError } from "../../components/notices.tsx";
import type { Conversation } from "./conversation.ts";

/** What the model is told first: a system message and examples of how to answer, kept under names. */
export function PromptDesign(props: { conversation: Conversation }): JSX.Element {
  const conversation = props.conversation;
  return (
    <div class="stack">
      <NamedPrompts conversation={conversation} />
      <Field label="System message" hint="what the model is told first">
        {(parts) => (
          <textarea
            {...parts}
            rows={4}
            value={conversation.system()}
            onInput={(event) => conversation.setSystem(event.currentTarget.value)}
          />
        )}
      </Field>
      <Examples examples={conversation.examples()} onExamples={conversation.setExamples} />
    </div>
  );
}

function Examples(props: { examples: readonly Example[]; onExamples: (examples: readonly Example[]) => void }): JSX.Element {
  const change = (index: number, changes: Partial<Example>) =>
    props.onExamples(props.examples.map((one, i) => (i === index ? { ...one, ...changes } : one)));
  return (
    <fieldset class="examples">
      <legend>Examples</legend>
      <p class="hint">How it shall answer, shown to it before the conversation.</p>
      <Index each={props.examples}>
        {(example, i) => (
          <div class="example">
            <TextField label={`User ${i + 1}`} value={example().user} onValue={(user) => change(i, { user })} />
            <TextField label={`Answer ${i + 1}`} value={example().assistant} onValue={(assistant) => change(i, { assistant })} />
            <Button aria-label={`Remove example ${i + 1}`} onClick={() => props.onExamples(props.examples.filter((_, k) => k !== i))}>
              Remove
            </Button>
          </div>
        )}
      </Index>
      <Button onClick={() => props.onExamples([...props.examples, { user: "", assistant: "" }])}>Add an example</Button>
    </fieldset>
  );
}

/** Prompts with names: take one up, keep, rename, remove. */
function NamedPrompts(props: { conversation: Conversation }): JSX.Element {
  const conversation = props.conversation;
  const [prompts, { refetch }] = createResource(() => api.get<NamedPrompt[]>("/api/prompts").catch(() => [] as NamedPrompt[]));
  const [name, setName] = createSignal(conversation.name());
  const known = () => prompts.latest?.find((prompt) => prompt.name === conversation.name());
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
    conversation.setName(chosen);
    setName(chosen);
    if (prompt !== undefined) conversation.load(prompt);
  };
  const save = () =>
    attempt(`Kept as "${name()}".`, async () => {
      await api.post(path(name()), conversation.asPrompt(name()));
      conversation.setName(name());
    });
  const rename = (to: string) =>
    attempt(`Renamed to "${to}".`, async () => {
      await api.post(`${path(conversation.name())}/rename`, { to });
      conversation.setName(to);
    });
  const remove = (of: string) =>
    attempt(`"${of}" is removed.`, async () => {
      await api.delete(path(of));
      conversation.setName("");
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
          <Button disabled={name() === "" || name() === conversation.name()} onClick={() => void rename(name())}>
            Rename
          </Button>
          <Button look="danger" onClick={() => void remove(conversation.name())}>
            Remove
          </Button>
        </Show>
      </div>
    </div>
  );
}
