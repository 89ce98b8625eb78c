import type { JSX } from "solid-js";
import { Button } from "../../components/button.tsx";
import { TextField } from "../../components/field.tsx";

/** A line of text and the button that hands it over. */
export function TextForm(props: {
  text: string;
  hint: string;
  button: string;
  busy: boolean;
  onText: (text: string) => void;
  onSubmit: () => void;
}): JSX.Element {
  return (
    <form
      class="one-line"
      onSubmit={(event) => {
        event.preventDefault();
        props.onSubmit();
      }}
    >
      <TextField label="Text" hint={props.hint} value={props.text} onValue={props.onText} live />
      <Button type="submit" look="primary" disabled={props.busy || props.text === ""}>
        {props.button}
      </Button>
    </form>
  );
}
