import { createEffect, createResource, For, type JSX, Show } from "solid-js";
import type { ChatMade, ChatTurn, GenerateInfo } from "../../../../src/studio/generate.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { Loaded } from "../../components/loading.tsx";
import type { PageProps } from "../../pages.ts";
import { address } from "../../route.ts";
import "../../styles/generate.css";
import { generatePath } from "../generate/follow.ts";
import { Generators } from "../generate/generators.tsx";
import { WordingForm } from "../generate/wording-form.tsx";
import { type Conversation, conversationWith } from "./conversation.ts";
import { PromptDesign } from "./prompt-design.tsx";

/** Talk with a trained run or a pretrained folder. */
export default function Chat(props: PageProps): JSX.Element {
  return (
    <div class="making">
      <Show when={props.rest[0]} keyed fallback={<Choice />}>
        {(name) => <OneModel name={name} />}
      </Show>
    </div>
  );
}

function Choice(): JSX.Element {
  return (
    <>
      <div class="page-head">
        <h1>Chat</h1>
        <p>Choose a model of text. One that was not trained on conversations goes on in their manner, no more.</p>
      </div>
      <Generators page="chat" />
    </>
  );
}

function OneModel(props: { name: string }): JSX.Element {
  const [info, { refetch }] = createResource(() => api.get<GenerateInfo>(generatePath(props.name)));
  return (
    <>
      <div class="page-head">
        <h1>Chat with {props.name}</h1>
        <p>
          <a href={address("generate", [props.name])}>Text playground</a>
        </p>
      </div>
      <Loaded resource={info} what={`the run ${props.name}`} retry={() => void refetch()}>
        {(found) => (
          <Show when={found.text?.chat && found.reason === undefined} fallback={<NoChat info={found} />}>
            <Talk info={found} />
          </Show>
        )}
      </Loaded>
    </>
  );
}

function NoChat(props: { info: GenerateInfo }): JSX.Element {
  return (
    <EmptyState title="It does not talk">
      <p>{props.info.reason ?? `${props.info.title} does not continue texts.`}</p>
      <Button href={address("chat")}>Choose another</Button>
    </EmptyState>
  );
}

function Talk(props: { info: GenerateInfo }): JSX.Element {
  const conversation = conversationWith(props.info.name);
  return (
    <div class="generate">
      <form class="generate-form stack" onSubmit={(event) => event.preventDefault()}>
        <details class="sampling" open={window.innerWidth >= 900}>
          <summary>Prompt and examples</summary>
          <PromptDesign conversation={conversation} />
        </details>
        <details class="sampling">
          <summary>Sampling</summary>
          <div class="stack">
            <WordingForm wording={conversation.wording} />
          </div>
        </details>
      </form>
      <section class="chat" aria-label="Conversation">
        <Turns conversation={conversation} />
        <Composer conversation={conversation} />
      </section>
    </div>
  );
}

function Turns(props: { conversation: Conversation }): JSX.Element {
  const { turns, work, made } = props.conversation;
  let list!: HTMLOListElement;
  createEffect(() => {
    turns();
    list.scrollTop = list.scrollHeight;
  });
  const isLast = (index: number) => index === turns().length - 1;
  return (
    <>
      <Show when={turns().length === 0}>
        <p class="hint">Say something. The system message and the examples at the side are told to the model first.</p>
      </Show>
      <ol class="turns" ref={list} tabindex={0} aria-label="Messages" aria-live="polite" aria-busy={work.busy()}>
        <For each={turns()}>
          {(turn, i) => <Turn turn={turn} index={i()} writing={work.busy() && isLast(i())} conversation={props.conversation} />}
        </For>
      </ol>
      <Show when={made()}>{(answer) => <Facts made={answer()} />}</Show>
    </>
  );
}

function Turn(props: { turn: ChatTurn; index: number; writing: boolean; conversation: Conversation }): JSX.Element {
  const { work, turns, edit, again } = props.conversation;
  const ofUser = () => props.turn.role === "user";
  return (
    <li class={`turn ${props.turn.role}`}>
      <div class="turn-head">
        <strong>{ofUser() ? "You" : "Model"}</strong>
        <Show when={!work.busy()}>
          <Show
            when={ofUser()}
            fallback={
              <Show when={props.index === turns().length - 1}>
                <Button onClick={again}>Another answer</Button>
              </Show>
            }
          >
            <Button aria-label={`Edit message ${props.index + 1} and send it again`} onClick={() => edit(props.index)}>
              Edit
            </Button>
          </Show>
        </Show>
      </div>
      <div class="turn-text">
        {props.turn.content}
        <Show when={props.writing}>
          <span class="caret" aria-hidden="true" />
        </Show>
      </div>
    </li>
  );
}

function Facts(props: { made: ChatMade }): JSX.Element {
  return (
    <div class="hint">
      <p>
        {props.made.tokens} tokens in {props.made.seconds.toFixed(1)} s
        <Show when={props.made.reason === "length"}>; cut: the context or the number of tokens ended it</Show>
        <Show when={props.made.reason === "cancelled"}>; stopped</Show>
        <Show when={props.made.forgotten > 0}>; the first {props.made.forgotten} messages no longer fit and were not seen</Show>.
      </p>
      <details>
        <summary>What the model read ({props.made.promptTokens} tokens)</summary>
        <pre class="command">{props.made.prompt}</pre>
      </details>
    </div>
  );
}

function Composer(props: { conversation: Conversation }): JSX.Element {
  const { draft, setDraft, say, work, reset, turns } = props.conversation;
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        say();
      }}
    >
      <label class="hidden" for="chat-draft">
        Message
      </label>
      <textarea
        id="chat-draft"
        rows={2}
        placeholder="Message; Enter sends, Shift and Enter begin a line"
        value={draft()}
        onInput={(event) => setDraft(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          say();
        }}
      />
      <div class="row">
        <Show
          when={work.busy()}
          fallback={
            <Button type="submit" look="primary" disabled={draft().trim() === ""}>
              Send
            </Button>
          }
        >
          <Button onClick={() => work.stop()}>Stop</Button>
        </Show>
        <Show when={turns().length > 0 && !work.busy()}>
          <Button onClick={reset}>Begin anew</Button>
        </Show>
        <span class="hint" role="status">
          {work.busy() ? work.status() : ""}
        </span>
      </div>
      <Show when={work.failing()}>
        {(failing) => (
          <div class="work-failed" role="alert">
            <p>{failing().message}</p>
            <Show when={failing().hint}>{(hint) => <p class="hint">Try: {hint()}</p>}</Show>
          </div>
        )}
      </Show>
    </form>
  );
}
