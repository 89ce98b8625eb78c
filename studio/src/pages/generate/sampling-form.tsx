import { For, type JSX, Show } from "solid-js";
import type { GenerateInfo, SamplingField } from "../../../../src/studio/generate.ts";
import { Button } from "../../components/button.tsx";
import { CheckField, NumberField, SelectField, TextField } from "../../components/field.tsx";

/** What is to be shown, as a request has it. */
export interface Wanted {
  readonly label?: string | undefined;
  readonly attributes?: Readonly<Record<string, 0 | 1>> | undefined;
}

/** Values that are not a model's own. */
export type Chosen = Readonly<Record<string, number | boolean | string>>;

export interface SamplingFormProps {
  readonly fields: readonly SamplingField[];
  readonly chosen: Chosen;
  readonly onChosen: (chosen: Chosen) => void;
}

/** What can be chosen of a model's sampling, made from what its record says. */
export function SamplingForm(props: SamplingFormProps): JSX.Element {
  const set = (field: SamplingField, value: number | boolean | string) => {
    const { [field.name]: _, ...others } = props.chosen;
    const empty = typeof value === "number" && Number.isNaN(value);
    props.onChosen(empty || value === field.standard ? others : { ...others, [field.name]: value });
  };
  return (
    <For each={props.fields}>
      {(field) => <OneField field={field} value={props.chosen[field.name] ?? field.standard} onValue={(value) => set(field, value)} />}
    </For>
  );
}

function OneField(props: { field: SamplingField; value: unknown; onValue: (value: number | boolean | string) => void }): JSX.Element {
  const { name, about, type, least, most, choices = [] } = props.field;
  // What the command line calls its options is of no use here.
  const hint = about.replace(/^with --\w+: /, "");
  const label = spaced(name);
  switch (type) {
    case "boolean":
      return <CheckField label={label} hint={hint} value={props.value === true} onValue={props.onValue} />;
    case "choice":
      return <SelectField label={label} hint={hint} value={String(props.value)} options={choices} onValue={props.onValue} />;
    case "text":
      return <TextField label={label} hint={hint} value={String(props.value ?? "")} onValue={props.onValue} />;
    default:
      return (
        <NumberField
          {...{ label, hint, onValue: props.onValue }}
          value={Number(props.value)}
          min={least}
          max={most}
          step={type === "integer" ? 1 : "any"}
        />
      );
  }
}

/** `minP` as "min p". */
export function spaced(name: string): string {
  return name.replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** A seed, and another one at a click. */
export function SeedField(props: { value: string; onValue: (seed: string) => void; hint?: string }): JSX.Element {
  return (
    <div class="seed">
      <TextField
        label="Seed"
        hint={props.hint ?? "the same seed makes the same again"}
        value={props.value}
        onValue={(text) => props.onValue(text.trim() || "0")}
        live
      />
      <Button onClick={() => props.onValue(String(Math.floor(Math.random() * 1e9)))}>Another</Button>
    </div>
  );
}

/** The seed after one: the next number, or another name. */
export function nextSeed(seed: string): string {
  return /^\d{1,15}$/.test(seed) ? String(Number(seed) + 1) : `${seed.slice(0, 60)}'`;
}

/** What the pictures shall show, for models that take conditions. */
export function WantedForm(props: {
  conditions: GenerateInfo["conditions"];
  wanted: Wanted;
  otherwise: string;
  onWanted: (wanted: Wanted) => void;
}): JSX.Element {
  return (
    <Show when={props.conditions}>
      {(conditions) => (
        <Show
          when={conditions().kind === "classes"}
          fallback={<Attributes names={conditions().names} wanted={props.wanted} onWanted={props.onWanted} />}
        >
          <SelectField
            label="Class"
            value={props.wanted.label ?? ""}
            options={[{ value: "", label: props.otherwise }, ...conditions().names.map((name) => ({ value: name, label: name }))]}
            onValue={(label) => props.onWanted(label === "" ? {} : { label })}
          />
        </Show>
      )}
    </Show>
  );
}

function Attributes(props: { names: readonly string[]; wanted: Wanted; onWanted: (wanted: Wanted) => void }): JSX.Element {
  const now = (name: string) => props.wanted.attributes?.[name];
  const set = (name: string, value: string) => {
    const { [name]: _, ...others } = props.wanted.attributes ?? {};
    const attributes = value === "" ? others : { ...others, [name]: value === "1" ? (1 as const) : (0 as const) };
    props.onWanted(Object.keys(attributes).length === 0 ? {} : { attributes });
  };
  const options = [
    { value: "", label: "as in the data" },
    { value: "1", label: "yes" },
    { value: "0", label: "no" },
  ];
  return (
    <details class="attributes">
      <summary>Attributes</summary>
      <div class="fields">
        <For each={props.names}>
          {(name) => (
            <SelectField
              label={name}
              value={now(name) === undefined ? "" : String(now(name))}
              options={options}
              onValue={(value) => set(name, value)}
            />
          )}
        </For>
      </div>
    </details>
  );
}
