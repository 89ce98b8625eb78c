import { createEffect, createResource, createSignal, For, type JSX, on, Show } from "solid-js";
import { type DataEntry, dataPath, filterQuery, type TextItem, type TextOverview, type TextPage } from "../../../../src/studio/data.ts";
import { api } from "../../api.ts";
import { Bars } from "../../components/bars.tsx";
import { Card } from "../../components/card.tsx";
import { Facts } from "../../components/facts.tsx";
import { Histogram } from "../../components/histogram.tsx";
import { Part } from "../../components/part.tsx";
import { Table } from "../../components/table.tsx";
import { Pager } from "./pager.tsx";
import { RepetitionsCard } from "./repetitions.tsx";
import type { SplitName } from "./set.tsx";
import { bytesText, countText, kindWords } from "./words.ts";

/** Texts: how much, how long, which words, and some to read. */
export function TextSetView(props: { entry: DataEntry; split: SplitName; overview: TextOverview }): JSX.Element {
  const noun = () => kindWords[props.overview.kind].examples;
  return (
    <>
      <div class="halves">
        <Card title="Size">
          <Sizes overview={props.overview} noun={noun()} />
        </Card>
        <Card title={props.overview.kind === "pairs" ? "Length of sources" : "Length of documents"}>
          <Histogram label={`How long ${noun()} are`} unit="characters" bins={props.overview.lengths} />
        </Card>
        <Card title="Most frequent words">
          <Bars label="How often each word occurs" rows={props.overview.frequent} total={props.overview.words} most={15} />
        </Card>
        <Show when={props.overview.labels.length > 0}>
          <Card title="Balance of what they are">
            <Bars label={`How many ${noun()} of each`} rows={props.overview.labels} total={props.overview.count} />
          </Card>
        </Show>
        <RepetitionsCard name={props.entry.name} what={noun()} />
      </div>
      <Excerpts entry={props.entry} split={props.split} noun={noun()} />
    </>
  );
}

function Sizes(props: { overview: TextOverview; noun: string }): JSX.Element {
  const facts = () => {
    const { count, characters, bytes, words, distinctCharacters, distinctWords } = props.overview;
    return [
      [props.noun, countText(count)],
      ["characters", `${countText(characters)} (${countText(distinctCharacters)} different: what a tokenizer of characters knows)`],
      ["bytes as UTF-8", `${countText(bytes)} (${bytesText(bytes)}): tokens of a tokenizer of bytes`],
      ["words", `${countText(words)} (${countText(distinctWords)} different)`],
    ] as const;
  };
  return <Facts facts={facts()} />;
}

function Excerpts(props: { entry: DataEntry; split: SplitName; noun: string }): JSX.Element {
  const [offset, setOffset] = createSignal(0);
  createEffect(
    on(
      () => props.split,
      () => setOffset(0),
      { defer: true },
    ),
  );
  const step = () => (props.entry.kind === "pairs" ? 30 : 8);
  const query = () => filterQuery({ split: props.split, offset: offset(), count: step(), has: true, mixed: false });
  const [page, { refetch }] = createResource(query, (asked) => api.get<TextPage>(dataPath(props.entry.name, `/page${asked}`)));
  return (
    <Card title={props.noun === "pairs" ? "Pairs" : "To read"}>
      <Part resource={page} what="the texts" retry={() => void refetch()}>
        {(found) => (
          <>
            <Show when={found.kind === "pairs"} fallback={<Documents items={found.items} />}>
              <Table
                caption="Pairs of a source and what it becomes"
                rows={found.items}
                columns={[
                  { title: "source", cell: ({ text }) => <span lang="">{text}</span> },
                  { title: "target", cell: ({ target }) => <span lang="">{target}</span> },
                ]}
              />
            </Show>
            <Pager
              offset={found.offset}
              shown={found.items.length}
              total={found.total}
              step={step()}
              what={props.noun}
              onOffset={setOffset}
            />
          </>
        )}
      </Part>
    </Card>
  );
}

function Documents(props: { items: readonly TextItem[] }): JSX.Element {
  return (
    <ul class="plain-list">
      <For each={props.items}>
        {({ id, text, label, characters }) => (
          <li class="excerpt">
            <div class="row">
              <strong>{id}</strong>
              <Show when={label}>{(word) => <span class="tag">{word()}</span>}</Show>
              <span class="hint">{countText(characters)} characters</span>
            </div>
            <pre tabindex={0}>
              {text}
              <Show when={text.length < characters}> …</Show>
            </pre>
          </li>
        )}
      </For>
    </ul>
  );
}
