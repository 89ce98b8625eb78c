import { createEffect, createSignal } from "solid-js";
import type { ChatMade, ChatTurn, Example, NamedPrompt } from "../../../../src/studio/generate.ts";
import { followWork, generatePath } from "../generate/follow.ts";
import { wordingState } from "../generate/wording-form.tsx";

/** What was said with one model; it stays while the studio's page is open. */
function makeConversation(run: string) {
  const wording = wordingState(200, 0.7);
  const [system, setSystem] = createSignal("");
  const [examples, setExamples] = createSignal<readonly Example[]>([]);
  const [turns, setTurns] = createSignal<readonly ChatTurn[]>([]);
  const [draft, setDraft] = createSignal("");
  const [name, setName] = createSignal("");
  const [taken, setTaken] = createSignal<NamedPrompt | undefined>();
  const [made, setMade] = createSignal<ChatMade | undefined>();
  return {
    run,
    wording,
    system,
    setSystem,
    examples,
    setExamples,
    turns,
    setTurns,
    draft,
    setDraft,
    name,
    setName,
    taken,
    setTaken,
    made,
    setMade,
  };
}

type Kept = ReturnType<typeof makeConversation>;

const kept = new Map<string, Kept>();

/** The conversation with a run, and what can be done in it. Its stream ends with the page that follows it. */
export function conversationWith(run: string) {
  const known = kept.get(run) ?? makeConversation(run);
  kept.set(run, known);
  const { turns, setTurns, draft, setDraft, system, setSystem, examples, setExamples, setName, taken, setTaken, wording, setMade } = known;
  const work = followWork((event) => {
    if (event.type === "piece")
      setTurns((all) => [...all.slice(0, -1), { role: "assistant", content: all[all.length - 1].content + event.text }]);
    if (event.type === "done" && event.result.kind === "chat") setMade(event.result);
  });
  const dropEmpty = () => setTurns((all) => (all.at(-1)?.role === "assistant" && all.at(-1)?.content === "" ? all.slice(0, -1) : all));
  // An answer of which nothing came is none.
  createEffect(() => work.busy() || dropEmpty());
  const ask = (messages: readonly ChatTurn[]) => {
    setMade(undefined);
    setTurns([...messages, { role: "assistant", content: "" }]);
    const told = system().trim() === "" ? {} : { system: system() };
    return work.begin(generatePath(run, "chat"), { ...told, examples: examples(), messages, ...wording.request() });
  };
  return {
    ...known,
    work,
    /** Say what stands in the draft. */
    say: () => {
      const content = draft().trim();
      if (content === "" || work.busy()) return;
      setDraft("");
      void ask([...turns().filter(({ content }) => content !== ""), { role: "user", content }]);
    },
    /** Take a message back into the draft, and all that came after it away. */
    edit: (index: number) => {
      setDraft(turns()[index].content);
      setTurns((all) => all.slice(0, index));
    },
    /** Another answer to the last message. */
    again: () => {
      const last = turns().findLastIndex(({ role }) => role === "user");
      wording.set({ seed: String(Math.floor(Math.random() * 1e9)) });
      void ask(turns().slice(0, last + 1));
    },
    reset: () => {
      setTurns([]);
      setMade(undefined);
    },
    /** Take up a named prompt, or put what is there into one. */
    load: (prompt: NamedPrompt) => {
      setTaken(prompt);
      setSystem(prompt.system);
      setExamples(prompt.examples);
      if (prompt.text !== "") setDraft(prompt.text);
      setName(prompt.name);
    },
    asPrompt: (as: string): NamedPrompt => ({
      ...{ name: as, system: system(), examples: [...examples()] },
      // What is only of use in the text playground stays with the name that has it.
      text: taken()?.name === as ? taken()!.text : "",
    }),
  };
}

export type Conversation = ReturnType<typeof conversationWith>;
