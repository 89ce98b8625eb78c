import { createUniqueId, For, type JSX, Show } from "solid-js";

export interface FieldProps {
  readonly label: string;
  /** One line below: unit, range, meaning. */
  readonly hint?: string | undefined;
  /** Why the value is not taken. */
  readonly error?: string | undefined;
  readonly class?: string | undefined;
}

/** What an input inside a field must carry. */
export interface FieldParts {
  readonly id: string;
  readonly "aria-describedby": string | undefined;
  readonly "aria-invalid": "true" | undefined;
}

/** A label, whatever takes the value, and what there is to say of it. */
export function Field(props: FieldProps & { children: (parts: FieldParts) => JSX.Element }): JSX.Element {
  const id = createUniqueId();
  const parts: FieldParts = {
    id,
    get "aria-describedby"() {
      return props.error !== undefined || props.hint !== undefined ? `${id}-about` : undefined;
    },
    get "aria-invalid"() {
      return props.error === undefined ? undefined : ("true" as const);
    },
  };
  return (
    <div class={`field ${props.class ?? ""}`}>
      <label for={id}>{props.label}</label>
      {props.children(parts)}
      <Show when={props.error ?? props.hint}>
        {(text) => (
          <p id={`${id}-about`} class={props.error === undefined ? "hint" : "wrong"}>
            {text()}
          </p>
        )}
      </Show>
    </div>
  );
}

export interface ValueProps<T> extends FieldProps {
  readonly value: T;
  readonly onValue: (value: T) => void;
  readonly disabled?: boolean | undefined;
}

/** A line of text; told at every key with `live`, else when it is left. */
export function TextField(props: ValueProps<string> & { placeholder?: string; live?: boolean; type?: "text" | "search" }): JSX.Element {
  return (
    <Field {...props}>
      {(parts) => (
        <input
          {...parts}
          type={props.type ?? "text"}
          value={props.value}
          placeholder={props.placeholder}
          disabled={props.disabled}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => props.live && props.onValue(event.currentTarget.value)}
          onChange={(event) => props.onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** A number; NaN where what stands there is none. */
export function NumberField(props: ValueProps<number> & { min?: number; max?: number; step?: number | "any" }): JSX.Element {
  return (
    <Field {...props}>
      {(parts) => (
        <input
          {...parts}
          type="number"
          inputmode="decimal"
          value={Number.isNaN(props.value) ? "" : props.value}
          min={props.min}
          max={props.max}
          step={props.step ?? "any"}
          disabled={props.disabled}
          onChange={(event) => props.onValue(event.currentTarget.valueAsNumber)}
        />
      )}
    </Field>
  );
}

/** A number chosen on a line, shown beside it; told while it moves. */
export function RangeField(
  props: ValueProps<number> & { min: number; max: number; step?: number | "any"; shown?: (value: number) => string },
): JSX.Element {
  return (
    <Field {...props}>
      {(parts) => (
        <div class="range">
          <input
            {...parts}
            type="range"
            min={props.min}
            max={props.max}
            step={props.step ?? "any"}
            value={props.value}
            disabled={props.disabled}
            onInput={(event) => props.onValue(event.currentTarget.valueAsNumber)}
          />
          <output for={parts.id}>{(props.shown ?? String)(props.value)}</output>
        </div>
      )}
    </Field>
  );
}

/** One of several, by name. */
export function SelectField(
  props: ValueProps<string> & { options: readonly (string | { readonly value: string; readonly label: string })[] },
): JSX.Element {
  const options = () => props.options.map((option) => (typeof option === "string" ? { value: option, label: option } : option));
  return (
    <Field {...props}>
      {(parts) => (
        <select {...parts} disabled={props.disabled} onChange={(event) => props.onValue(event.currentTarget.value)}>
          <For each={options()}>
            {({ value, label }) => (
              <option value={value} selected={value === props.value}>
                {label}
              </option>
            )}
          </For>
        </select>
      )}
    </Field>
  );
}

/** Yes or no. */
export function CheckField(props: ValueProps<boolean>): JSX.Element {
  const id = createUniqueId();
  return (
    <div class={`field check ${props.class ?? ""}`}>
      <input
        id={id}
        type="checkbox"
        checked={props.value}
        disabled={props.disabled}
        aria-describedby={props.hint === undefined ? undefined : `${id}-about`}
        onChange={(event) => props.onValue(event.currentTarget.checked)}
      />
      <label for={id}>{props.label}</label>
      <Show when={props.hint}>
        {(hint) => (
          <p id={`${id}-about`} class="hint">
            {hint()}
          </p>
        )}
      </Show>
    </div>
  );
}
