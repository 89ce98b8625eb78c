import { createMemo, For, type JSX, Match, Show, Switch } from "solid-js";
import { type FormField, fieldText } from "../../../src/studio/forms.ts";
import { CheckField, SelectField, TextField } from "./field.tsx";

export interface SettingFormProps {
  readonly fields: readonly FormField[];
  /** What the preset says, by key. */
  readonly preset: Readonly<Record<string, unknown>>;
  /** What stands in the fields that were changed, by key. */
  readonly texts: Readonly<Record<string, string>>;
  /** Told of a change; undefined goes back to the preset. */
  readonly onText: (key: string, text: string | undefined) => void;
  /** What is wrong, by key. */
  readonly problems: Readonly<Record<string, string>>;
  /** Choices for text fields whose values are known elsewhere, by key. */
  readonly choices?: Readonly<Record<string, readonly { readonly value: string; readonly label: string }[]>> | undefined;
}

/** Fields as their schema describes them, filled by a preset; those that differ from it are marked and can be put back. */
export function SettingForm(props: SettingFormProps): JSX.Element {
  return (
    <div class="settings">
      <For each={props.fields}>{(field) => <SettingField field={field} form={props} />}</For>
    </div>
  );
}

function SettingField(props: { field: FormField; form: SettingFormProps }): JSX.Element {
  const key = () => props.field.key;
  const standard = () => fieldText(props.form.preset[key()]);
  const text = () => props.form.texts[key()] ?? standard();
  const changed = () => text() !== standard();
  const set = (value: string) => props.form.onText(key(), value === standard() ? undefined : value);
  const hint = () =>
    [props.field.about, props.field.kind === "choice" || props.field.kind === "boolean" ? "" : props.field.rule].filter(Boolean).join("; ");
  const common = () => ({ label: key(), hint: hint(), error: props.form.problems[key()] });
  const choices = createMemo(
    () => props.form.choices?.[key()] ?? props.field.choices?.map((choice) => ({ value: String(choice), label: String(choice) })),
  );
  return (
    <div class={changed() ? "setting changed" : "setting"}>
      <Switch fallback={<TextField {...common()} value={text()} onValue={set} live={props.field.kind !== "text"} />}>
        <Match when={props.field.kind === "boolean"}>
          <CheckField {...common()} value={text() === "true"} onValue={(value) => set(String(value))} />
        </Match>
        <Match when={choices()}>{(options) => <SelectField {...common()} value={text()} onValue={set} options={options()} />}</Match>
      </Switch>
      <Show when={changed()}>
        <button
          type="button"
          class="put-back"
          onClick={() => props.form.onText(key(), undefined)}
          aria-label={`Put ${key()} back to ${standard()}`}
        >
          preset: {standard() === "" ? "empty" : standard()}
        </button>
      </Show>
    </div>
  );
}
