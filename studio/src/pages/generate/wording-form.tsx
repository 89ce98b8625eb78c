import { createSignal, type JSX } from "solid-js";
import type { WordingRequest } from "../../../../src/studio/generate.ts";
import { NumberField, RangeField } from "../../components/field.tsx";
import { SeedField } from "./sampling-form.tsx";

/** How tokens are chosen: numbers as the form has them, 0 where something is switched off. */
export function wordingState(maxTokens: number, temperature: number) {
  const [values, setValues] = createSignal({ temperature, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, maxTokens, seed: "1" });
  return {
    values,
    set: (changes: Partial<ReturnType<typeof values>>) => setValues((all) => ({ ...all, ...changes })),
    /** As a request has it: what changes nothing is left out. */
    request: (): WordingRequest => {
      const { topK, topP, minP, repetitionPenalty, ...always } = values();
      return {
        ...always,
        ...(topK > 0 ? { topK } : {}),
        ...(topP < 1 ? { topP } : {}),
        ...(minP > 0 ? { minP } : {}),
        ...(repetitionPenalty !== 1 ? { repetitionPenalty } : {}),
      };
    },
  };
}

export type WordingState = ReturnType<typeof wordingState>;

/** Temperature, filters, penalty, length and seed. */
export function WordingForm(props: { wording: WordingState }): JSX.Element {
  const { values, set } = props.wording;
  const shown = (value: number) => value.toFixed(2);
  const whole = (value: number, least: number) => (Number.isNaN(value) ? least : Math.max(least, Math.round(value)));
  return (
    <>
      <RangeField
        label="Temperature"
        hint="0 takes the likeliest token, 1 draws as the model says"
        value={values().temperature}
        min={0}
        max={2}
        step={0.05}
        shown={shown}
        onValue={(temperature) => set({ temperature })}
      />
      <NumberField
        label="Tokens"
        hint="added at most"
        value={values().maxTokens}
        min={1}
        step={1}
        onValue={(n) => set({ maxTokens: whole(n, 1) })}
      />
      <SeedField value={values().seed} hint="the same seed writes the same text" onValue={(seed) => set({ seed })} />
      <details class="sampling">
        <summary>Filters and penalty</summary>
        <div class="fields">
          <NumberField
            label="Top k"
            hint="only the so many likeliest; 0 for all"
            value={values().topK}
            min={0}
            step={1}
            onValue={(n) => set({ topK: whole(n, 0) })}
          />
          <RangeField
            label="Top p"
            hint="the likeliest that have this probability together"
            value={values().topP}
            min={0.05}
            max={1}
            step={0.05}
            shown={shown}
            onValue={(topP) => set({ topP })}
          />
          <RangeField
            label="Min p"
            hint="at least this times as likely as the likeliest"
            value={values().minP}
            min={0}
            max={1}
            step={0.05}
            shown={shown}
            onValue={(minP) => set({ minP })}
          />
          <RangeField
            label="Repetition penalty"
            hint="above 1, what was said becomes less likely"
            value={values().repetitionPenalty}
            min={1}
            max={2}
            step={0.05}
            shown={shown}
            onValue={(repetitionPenalty) => set({ repetitionPenalty })}
          />
        </div>
      </details>
    </>
  );
}
