import { For, type JSX, Show } from "solid-js";
import type { ConditionNames, SamplingField } from "../../../src/play/about.ts";
import { CheckField, Field, NumberField, SelectField } from "../components/field.tsx";

export type Choices = Readonly<Record<string, unknown>>;

export interface ChoicesProps {
  readonly fields: readonly SamplingField[];
  readonly chosen: Choices;
  readonly onChosen: (chosen: Choices) => void;
}

/** The sampler's own options, from its schema. What is left empty is the default. */
export function SamplerChoices(props: ChoicesProps): JSX.Element {
  const choose = (name: string, value: unknown) => {
    const { [name]: _before, ...others } = props.chosen;
    const empty = value === undefined || value === "" || Number.isNaN(value);
    props.onChosen(empty ? others : { ...others, [name]: value });
  };
  return (
    <Show when={props.fields.length > 0}>
      <details class="play-more">
        <summary>How it is drawn</summary>
        <div class="play-fields">
          <For each={props.fields}>
            {(field) => <Choice field={field} value={props.chosen[field.name]} onValue={(value) => choose(field.name, value)} />}
          </For>
        </div>
      </details>
    </Show>
  );
}

function Choice(props: { field: SamplingField; value: unknown; onValue: (value: unknown) => void }): JSX.Element {
  const { name, kind, choices = [], about, minimum, maximum, default: usual } = props.field;
  if (kind === "boolean") return <CheckField label={name} hint={about} value={(props.value ?? usual) === true} onValue={props.onValue} />;
  if (kind === "choice") {
    const options = choices.map((value) => ({ value, label: value }));
    return <SelectField label={name} hint={about} value={String(props.value ?? usual)} options={options} onValue={props.onValue} />;
  }
  return (
    <NumberField
      label={name}
      hint={about}
      value={Number(props.value ?? usual ?? Number.NaN)}
      min={minimum}
      max={maximum}
      step={kind === "integer" ? 1 : "any"}
      onValue={props.onValue}
    />
  );
}

export interface WishProps {
  readonly names: ConditionNames | undefined;
  /** How many conditions the model takes, where nothing names them. */
  readonly count: number;
  /** [K], or undefined for each in turn. */
  readonly wish: Float32Array | undefined;
  readonly onWish: (wish: Float32Array | undefined) => void;
  /** Whether "each in turn" can be chosen. */
  readonly turns?: boolean;
}

/** What pictures shall show: one of the classes, or any of the attributes. */
export function Wish(props: WishProps): JSX.Element {
  const names = () => props.names?.names ?? Array.from({ length: props.count }, (_, k) => String(k));
  const only = (index: number) => Float32Array.from({ length: props.count }, (_, k) => (k === index ? 1 : 0));
  return (
    <Show when={props.count > 0}>
      <Show
        when={props.names?.kind === "attributes"}
        fallback={
          <Field label="What it shall show">
            {(parts) => (
              <select
                {...parts}
                onChange={(event) => props.onWish(event.currentTarget.value === "" ? undefined : only(Number(event.currentTarget.value)))}
              >
                <Show when={props.turns}>
                  <option value="">each in turn</option>
                </Show>
                <For each={names()}>
                  {(name, k) => (
                    <option value={k()} selected={props.wish?.[k()] === 1}>
                      {name}
                    </option>
                  )}
                </For>
              </select>
            )}
          </Field>
        }
      >
        <fieldset class="play-attributes">
          <legend>What it shall show</legend>
          <For each={names()}>
            {(name, k) => (
              <label>
                <input
                  type="checkbox"
                  checked={props.wish?.[k()] === 1}
                  onChange={(event) => {
                    const next = props.wish?.slice() ?? new Float32Array(props.count);
                    next[k()] = event.currentTarget.checked ? 1 : 0;
                    props.onWish(next);
                  }}
                />
                {name}
              </label>
            )}
          </For>
        </fieldset>
      </Show>
    </Show>
  );
}

/** Conditions [count, K] of a wish; without one each class in turn, or attributes that are all absent. */
export function conditionRows(
  wish: Float32Array | undefined,
  names: ConditionNames | undefined,
  width: number,
  count: number,
): Float32Array | undefined {
  if (width === 0) return undefined;
  const rows = new Float32Array(count * width);
  for (let n = 0; n < count; n++) {
    if (wish !== undefined) rows.set(wish, n * width);
    else if (names?.kind !== "attributes") rows[n * width + (n % width)] = 1;
  }
  return rows;
}
