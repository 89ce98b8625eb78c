import { Index, type JSX } from "solid-js";
import type { Example } from "../../../../src/studio/generate.ts";
import { Button } from "../../components/button.tsx";
import { Field, TextField } from "../../components/field.tsx";
import { NamedPrompts } from "../generate/named-prompts.tsx";
import type { Conversation } from "./conversation.ts";

/** What the model is told first: a system message and examples of how to answer, kept under names. */
export function PromptDesign(props: { conversation: Conversation }): JSX.Element {
  const conversation = props.conversation;
  return (
    <div class="stack">
      <NamedPrompts name={conversation.name()} onName={conversation.setName} onTake={conversation.load} prompt={conversation.asPrompt} />
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
