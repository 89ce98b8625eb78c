import { createResource, type JSX, Match, Show, Switch } from "solid-js";
import type { GenerateInfo } from "../../../../src/studio/generate.ts";
import { api } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { Loaded } from "../../components/loading.tsx";
import { Tabs } from "../../components/tabs.tsx";
import type { PageProps } from "../../pages.ts";
import { address } from "../../route.ts";
import "../../styles/generate.css";
import { Attention } from "./attention.tsx";
import { generatePath } from "./follow.ts";
import { Generators } from "./generators.tsx";
import { Masks } from "./masks.tsx";
import { Pairs } from "./pairs.tsx";
import { Pictures } from "./pictures.tsx";
import { Points } from "./points.tsx";
import { TextPlayground } from "./text.tsx";

/** Make something with a trained run: it fits itself to what the model can do. */
export default function Generate(props: PageProps): JSX.Element {
  return (
    <div class="making">
      <Show when={props.rest[0]} keyed fallback={<Choice />}>
        {(name) => <OneRun name={name} tab={props.query.get("tab") ?? ""} />}
      </Show>
    </div>
  );
}

function Choice(): JSX.Element {
  return (
    <>
      <div class="page-head">
        <h1>Generate</h1>
        <p>Choose a run: pictures, points and texts come from its newest checkpoint.</p>
      </div>
      <Generators page="generate" />
    </>
  );
}

function OneRun(props: { name: string; tab: string }): JSX.Element {
  const [info, { refetch }] = createResource(() => api.get<GenerateInfo>(generatePath(props.name)));
  return (
    <>
      <div class="page-head">
        <h1>{props.name}</h1>
        <Show when={info.error === undefined && info()}>{(found) => <Head info={found()} />}</Show>
      </div>
      <Loaded resource={info} what={`the run ${props.name}`} retry={() => void refetch()}>
        {(found) => (
          <Show when={found.reason === undefined} fallback={<Nothing info={found} />}>
            <Views info={found} tab={props.tab} />
          </Show>
        )}
      </Loaded>
    </>
  );
}

function Head(props: { info: GenerateInfo }): JSX.Element {
  return (
    <p>
      {props.info.title}
      <Show when={props.info.shape}>{(shape) => <> · {shape().join(" x ")}</>}</Show>
      <Show when={props.info.step !== undefined}> · step {props.info.step}</Show>
      <Show when={props.info.pictures?.between}>
        {" "}
        · <a href={address("explore", [props.info.name])}>explore its codes</a>
      </Show>
      <Show when={props.info.training}> · is being trained: the newest checkpoint counts</Show>
    </p>
  );
}

function Nothing(props: { info: GenerateInfo }): JSX.Element {
  return (
    <EmptyState title="Nothing can be made with this run">
      <p>{props.info.reason}</p>
      <Button href={address("generate")}>Choose another</Button>
    </EmptyState>
  );
}

function Views(props: { info: GenerateInfo; tab: string }): JSX.Element {
  const { info } = props;
  const attention = () => props.tab === "attention" && info.text?.attention === true;
  return (
    <>
      <Show when={info.kind === "text" || (info.kind === "masks" && info.text?.attention)}>
        <TextTabs info={info} current={attention() ? "attention" : "write"} />
      </Show>
      <Switch>
        <Match when={attention()}>
          <Attention info={info} />
        </Match>
        <Match when={info.kind === "pictures"}>
          <Pictures info={info} />
        </Match>
        <Match when={info.kind === "points"}>
          <Points info={info} />
        </Match>
        <Match when={info.kind === "text"}>
          <TextPlayground info={info} />
        </Match>
        <Match when={info.kind === "pairs"}>
          <Pairs info={info} />
        </Match>
        <Match when={info.kind === "masks"}>
          <Masks info={info} />
        </Match>
      </Switch>
    </>
  );
}

function TextTabs(props: { info: GenerateInfo; current: string }): JSX.Element {
  const { name, kind, text } = props.info;
  const tabs = [
    { key: "write", title: kind === "masks" ? "Guess" : "Write", href: address("generate", [name]) },
    ...(text?.attention ? [{ key: "attention", title: "Attention", href: address("generate", [name], { tab: "attention" }) }] : []),
    ...(text?.chat ? [{ key: "chat", title: "Chat", href: address("chat", [name]) }] : []),
  ];
  return <Tabs label="What to do with the model" tabs={tabs} current={props.current} />;
}
