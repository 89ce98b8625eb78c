import { createUniqueId, For, type JSX, Show } from "solid-js";
import type { GenerateInfo, SamplingField } from "../../../../src/studio/generate.ts";
import { NumberField, RangeField, SelectField } from "../../components/field.tsx";
import { MaskPainter } from "./mask-painter.tsx";
import { PickedPicture, pictureUrl } from "./picked.tsx";
import { type Mode, modes, modesOf, type PictureState } from "./picture-state.ts";
import { SamplingForm, SeedField, WantedForm } from "./sampling-form.tsx";
import { WorkState } from "./work-state.tsx";

/** What to make, how, and from what. */
export function PictureForm(props: { info: GenerateInfo; state: PictureState }): JSX.Element {
  const state = props.state;
  const mode = () => state.mode();
  const needsSeed = () => mode() !== "between" && mode() !== "reconstruct";
  const title = () => (props.info.pictures?.starts === "needs" && mode() === "from" ? "Enlarge" : modes[mode()].begin);
  return (
    <form class="generate-form stack" onSubmit={(event) => event.preventDefault()}>
      <ModeChoice info={props.info} state={state} />
      <Sources info={props.info} state={state} />
      <Show when={mode() === "variations" && props.info.pictures?.variations !== "seeds"}>
        <RangeField
          label="How far"
          hint={farHints[props.info.pictures!.variations]}
          value={state.amount()}
          min={0.05}
          max={1}
          step={0.05}
          onValue={state.setAmount}
        />
      </Show>
      <Show when={mode() === "between"}>
        <NumberField
          label="Pictures on the way"
          value={state.steps()}
          min={2}
          max={64}
          step={1}
          onValue={(n) => state.setSteps(whole(n, 2, 64))}
        />
        <SelectField
          label="Way"
          hint="codes of a normal distribution lie near a sphere: the arc stays on it"
          value={state.method()}
          options={[
            { value: "spherical", label: "along the arc" },
            { value: "linear", label: "straight" },
          ]}
          onValue={(value) => state.setMethod(value === "linear" ? "linear" : "spherical")}
        />
      </Show>
      <WantedForm
        conditions={props.info.conditions}
        wanted={state.wanted()}
        otherwise={mode() === "fresh" ? "each in turn" : "as the picture"}
        onWanted={state.setWanted}
      />
      <Show when={needsSeed()}>
        <NumberField label="How many" value={state.count()} min={1} max={256} step={1} onValue={(n) => state.setCount(whole(n, 1, 256))} />
        <SeedField value={state.seed()} onValue={state.setSeed} />
      </Show>
      <WorkState work={state.work} label={title()} disabled={state.missing() !== undefined} onBegin={state.begin} />
      <Show when={state.missing()}>{(text) => <p class="hint">{text()}</p>}</Show>
      <Sampling info={props.info} state={state} />
    </form>
  );
}

const farHints = {
  codes: "from the picture's code; 1 forgets it",
  "image-to-image": "share of the way to noise from which it is painted anew; 1 forgets it",
  fill: "share of the rows, from below, that are painted anew",
  seeds: "",
} as const;

function whole(value: number, least: number, most: number): number {
  return Number.isNaN(value) ? least : Math.min(most, Math.max(least, Math.round(value)));
}

function ModeChoice(props: { info: GenerateInfo; state: PictureState }): JSX.Element {
  const name = createUniqueId();
  const titleOf = (mode: Mode) => (mode === "from" && props.info.pictures?.starts === "needs" ? "Enlarge a picture" : modes[mode].title);
  return (
    <fieldset class="modes">
      <legend class="hidden">What to make</legend>
      <For each={modesOf(props.info)}>
        {(mode) => (
          <label title={modes[mode].about}>
            <input type="radio" name={name} value={mode} checked={props.state.mode() === mode} onChange={() => props.state.setMode(mode)} />
            <span>{titleOf(mode)}</span>
          </label>
        )}
      </For>
    </fieldset>
  );
}

/** The pictures that a mode sets out from, and the brush. */
function Sources(props: { info: GenerateInfo; state: PictureState }): JSX.Element {
  const state = props.state;
  const factor = () => props.info.pictures?.factor;
  return (
    <Show when={state.mode() !== "fresh"}>
      <PickedPicture
        run={props.info.name}
        label={state.mode() === "between" ? "From" : "Picture"}
        picked={state.source()}
        onPicked={state.setSource}
      />
      <Show when={state.mode() === "from" && factor()}>
        {(times) => (
          <p class="hint">
            It is brought to {state.size.width / times()} x {state.size.height / times()} pixels and enlarged {times()} times.
          </p>
        )}
      </Show>
      <Show when={state.mode() === "between"}>
        <PickedPicture run={props.info.name} label="To" picked={state.end()} onPicked={state.setEnd} />
      </Show>
      <Show when={state.mode() === "fill" && state.source()}>
        {(source) => (
          <MaskPainter src={pictureUrl(props.info.name, source().file)} size={state.size} mask={state.mask()} onMask={state.setMask} />
        )}
      </Show>
    </Show>
  );
}

function Sampling(props: { info: GenerateInfo; state: PictureState }): JSX.Element {
  const fits = ({ name }: SamplingField) => {
    const mode = props.state.mode();
    if (name === "strength") return mode === "from";
    return name === "resample" ? mode === "fill" : true;
  };
  const fields = () => (["between", "reconstruct"].includes(props.state.mode()) ? [] : props.info.sampling.filter(fits));
  return (
    <Show when={fields().length > 0}>
      <details class="sampling" open={window.innerWidth >= 900}>
        <summary>Sampling</summary>
        <div class="fields">
          <SamplingForm fields={fields()} chosen={props.state.chosen()} onChosen={props.state.setChosen} />
        </div>
      </details>
    </Show>
  );
}
