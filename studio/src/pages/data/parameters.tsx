import { createSignal, For, type JSX } from "solid-js";
import type { DataEntry } from "../../../../src/studio/data.ts";
import { NumberField } from "../../components/field.tsx";
import { address, go } from "../../route.ts";

/** What can be chosen of a set that is made here; another choice is another set, at an address of its own. */
export function Parameters(props: { entry: DataEntry }): JSX.Element {
  const [base, text = ""] = props.entry.name.split(":");
  const given = new Map(text.split(",").map((part) => part.split("=") as [string, string]));
  const [values, setValues] = createSignal<Readonly<Record<string, number>>>(
    Object.fromEntries(props.entry.parameters.map(({ name, standard }) => [name, Number(given.get(name) ?? standard)])),
  );
  const wrong = (name: string) => {
    const { least, most } = props.entry.parameters.find((one) => one.name === name)!;
    const value = values()[name];
    return Number.isInteger(value) && value >= least && value <= most ? undefined : `a whole number, ${least} to ${most}`;
  };
  const show = () => {
    const other = props.entry.parameters.filter(({ name, standard }) => values()[name] !== standard);
    go(address("data", [other.length === 0 ? base : `${base}:${other.map(({ name }) => `${name}=${values()[name]}`).join(",")}`]));
  };
  return (
    <details>
      <summary>Other sizes and noise</summary>
      <form
        class="controls"
        onSubmit={(event) => {
          event.preventDefault();
          if (props.entry.parameters.every(({ name }) => wrong(name) === undefined)) show();
        }}
      >
        <For each={props.entry.parameters}>
          {({ name, least, most, about }) => (
            <NumberField
              label={name}
              hint={about}
              error={wrong(name)}
              value={values()[name]}
              onValue={(value) => setValues({ ...values(), [name]: value })}
              min={least}
              max={most}
              step={1}
            />
          )}
        </For>
        <button type="submit" class="button">
          Show this one
        </button>
      </form>
    </details>
  );
}
