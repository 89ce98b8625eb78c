import { createSignal, type JSX, Show } from "solid-js";
import type { GenerateInfo, NamedPrompt, TextMade, TextRequest, TokenTold } from "../../../../src/studio/generate.ts";
import { Button } from "../../components/button.tsx";
import { Field, TextField } from "../../components/field.tsx";
import { shortNumber } from "../../numbers.ts";
import { followWork, generatePath } from "./follow.ts";
import { NamedPrompts } from "./named-prompts.tsx";
import { nextSeed } from "./sampling-form.tsx";
import { TokenText } from "./token-text.tsx";
import { WordingForm, wordingState } from "./wording-form.tsx";
import { WorkState } from "./work-state.tsx";

/** What is written, token by token, and how to go on. */
function textState(info: GenerateInfo) {
  const wording = wordingState(120, 0.8);
  const [prompt, setPrompt] = createSignal("");
  const [stop, setStop] = createSignal("");
  const [name, setName] = createSignal("");
  const [taken, setTaken] = createSignal<NamedPrompt | undefined>();
  /** The prompt that the tokens below follow. */
  const [begun, setBegun] = createSignal("");
  const [tokens, setTokens] = createSignal<readonly TokenTold[]>([]);
  const [made, setMade] = createSignal<TextMade | undefined>();
  const work = followWork((event) => {
    if (event.type === "token") setTokens((all) => [...all, event]);
    if (event.type === "done" && event.result.kind === "text") setMade(event.result);
  });
  const write = (kept: readonly TokenTold[]) => {
    setTokens(kept);
    setMade(undefined);
    const ends = stop() === "" ? {} : { stop: [stop().replaceAll("\\n", "\n")] };
    const request: TextRequest = { prompt: begun(), tokens: kept.map(({ id }) => id), ...wording.request(), ...ends };
    void work.begin(generatePath(info.name, "text"), request);
  };
  return {
    ...{ wording, prompt, setPrompt, stop, setStop, name, setName, begun, tokens, made, work },
    /** A prompt for conversations becomes a text: what is told first, examples, and where the model goes on. */
    take: (prompt: NamedPrompt) => {
      const { system, examples, text } = prompt;
      setTaken(prompt);
      const shown = examples.map(({ user, assistant }) => `User: ${user}\nAssistant: ${assistant}\n`);
      setPrompt(text !== "" ? text : [system === "" ? "" : `${system}\n\n`, ...shown].join(""));
    },
    // What is only of use in conversations stays with the name that has it.
    asPrompt: (as: string): NamedPrompt => ({
      system: "",
      examples: [],
      ...(taken()?.name === as ? taken() : {}),
      name: as,
      text: prompt(),
    }),
    begin: () => {
      setBegun(prompt());
      write([]);
      wording.set({ seed: nextSeed(wording.values().seed) });
    },
    more: () => write(tokens()),
    instead: (index: number, id: number) => {
      const { top, ...token } = tokens()[index];
      const other = top.find((one) => one.id === id)!;
      write([...tokens().slice(0, index), { ...token, id, text: other.text, probability: other.probability, top }]);
    },
  };
}

/** A prompt that a model continues; its tokens tell how likely they were. */
export function TextPlayground(props: { info: GenerateInfo }): JSX.Element {
  const state = textState(props.info);
  return (
    <div class="generate">
      <form class="generate-form stack" onSubmit={(event) => event.preventDefault()}>
        <Field label="Prompt" hint="what is continued; nothing lets the model begin">
          {(parts) => (
            <textarea
              {...parts}
              rows={5}
              value={state.prompt()}
              onInput={(event) => state.setPrompt(event.currentTarget.value)}
              onKeyDown={(event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && state.begin()}
            />
          )}
        </Field>
        <WorkState work={state.work} label="Write" onBegin={state.begin}>
          <Show when={state.tokens().length > 0 && !state.work.busy()}>
            <Button onClick={state.more}>Go on</Button>
          </Show>
        </WorkState>
        <details class="sampling">
          <summary>Named prompts</summary>
          <NamedPrompts name={state.name()} onName={state.setName} onTake={state.take} prompt={state.asPrompt} />
        </details>
        <WordingForm wording={state.wording} />
        <TextField label="Ends at" hint="a text that ends it; \n for a line's end" value={state.stop()} onValue={state.setStop} />
      </form>
      <section aria-label="The text" class="stack">
        <Show
          when={state.tokens().length > 0 || state.begun() !== ""}
          fallback={<p class="hint">The text appears here. Unlikely tokens are the coloured ones.</p>}
        >
          <TokenText prompt={state.begun()} tokens={state.tokens()} busy={state.work.busy()} onInstead={state.instead} />
        </Show>
        <Show when={state.made()}>{(made) => <Summary made={made()} context={props.info.text?.context} />}</Show>
      </section>
    </div>
  );
}

const ends = { stop: "it ended by itself", length: "the tokens asked for are written", cancelled: "stopped" } as const;

function Summary(props: { made: TextMade; context: number | undefined }): JSX.Element {
  const speed = () => shortNumber(props.made.tokens / Math.max(props.made.seconds, 1e-3), 2);
  const forgot = () => props.context !== undefined && props.made.promptTokens + props.made.tokens > props.context;
  return (
    <p class="hint">
      {props.made.tokens} tokens in {props.made.seconds.toFixed(1)} s ({speed()} a second), seed {props.made.seed}:{" "}
      {ends[props.made.reason]}.<Show when={forgot()}> The model reads {props.context} tokens; what lies further back is forgotten.</Show>
    </p>
  );
}
