import { createEffect, createResource, createSignal, For, type JSX, on, Show } from "solid-js";
import {
  type DataEntry,
  type DataFilter,
  dataPath,
  filterQuery,
  type PictureItem,
  type PictureOverview,
  type PicturePage,
} from "../../../../src/studio/data.ts";
import { api } from "../../api.ts";
import { AtlasCell, shownSize } from "../../components/atlas.tsx";
import { Bars } from "../../components/bars.tsx";
import { Card } from "../../components/card.tsx";
import { CheckField, SelectField } from "../../components/field.tsx";
import { Part } from "../../components/part.tsx";
import { Pager } from "./pager.tsx";
import { RepetitionsCard } from "./repetitions.tsx";
import type { SplitName } from "./set.tsx";
import { countText } from "./words.ts";

const ON_PAGE = 96;

/** Pictures: a grid to leaf through, the balance of classes and attributes, the means. */
export function PictureSet(props: { entry: DataEntry; split: SplitName; overview: PictureOverview }): JSX.Element {
  return (
    <>
      <Gallery entry={props.entry} split={props.split} overview={props.overview} />
      <div class="halves">
        <Show when={props.overview.labels.length > 0}>
          <Card title="Label balance">
            <Bars label="Pictures of each class" rows={props.overview.labels} total={props.overview.count} />
          </Card>
        </Show>
        <Show when={props.overview.attributes.length > 0}>
          <Card title="Attribute balance">
            <Bars label="Pictures with each attribute" rows={props.overview.attributes} total={props.overview.count} most={20} />
          </Card>
        </Show>
        <Means entry={props.entry} split={props.split} overview={props.overview} />
        <RepetitionsCard name={props.entry.name} what="pictures" />
      </div>
    </>
  );
}

interface Choice {
  readonly label: string;
  readonly attribute: string;
  readonly mixed: boolean;
  readonly side: string;
}

function Gallery(props: { entry: DataEntry; split: SplitName; overview: PictureOverview }): JSX.Element {
  const [choice, setChoice] = createSignal<Choice>({ label: "", attribute: "", mixed: true, side: "64" });
  const [offset, setOffset] = createSignal(0);
  createEffect(
    on([choice, () => props.split], ([now], before) => {
      // Another size of the same pictures is no other page.
      if (before !== undefined && before[0].side === now.side) setOffset(0);
    }),
  );
  const filter = (): DataFilter => {
    const { label, attribute, mixed } = choice();
    return {
      ...{ split: props.split, offset: offset(), count: ON_PAGE, mixed },
      label: label === "" ? undefined : Number(label),
      attribute: attribute === "" ? undefined : Math.abs(Number(attribute)) - 1,
      has: !attribute.startsWith("-"),
    };
  };
  const query = () => filterQuery(filter());
  const [page, { refetch }] = createResource(query, async (asked) => ({
    ...(await api.get<PicturePage>(dataPath(props.entry.name, `/page${asked}`))),
    atlas: `.${dataPath(props.entry.name, `/atlas.png${asked}`)}`,
  }));
  return (
    <Card title="Pictures">
      <Choices overview={props.overview} choice={choice()} onChoice={setChoice} />
      <Part resource={page} what="the pictures" retry={() => void refetch()}>
        {(found) => (
          <>
            <Grid page={found} atlas={found.atlas} side={Number(choice().side)} />
            <Pager
              offset={found.offset}
              shown={found.items.length}
              total={found.total}
              step={ON_PAGE}
              what="pictures"
              onOffset={setOffset}
            />
          </>
        )}
      </Part>
    </Card>
  );
}

function Choices(props: { overview: PictureOverview; choice: Choice; onChoice: (choice: Choice) => void }): JSX.Element {
  const change = (changes: Partial<Choice>) => props.onChoice({ ...props.choice, ...changes });
  const classes = () => props.overview.labels.map(({ name, count }, k) => ({ value: String(k), label: `${name} (${countText(count)})` }));
  // Attribute k is k + 1 with it and -(k + 1) without.
  const attributes = () =>
    props.overview.attributes.flatMap(({ name }, k) => [
      { value: String(k + 1), label: `with ${name}` },
      { value: String(-k - 1), label: `without ${name}` },
    ]);
  return (
    <div class="controls">
      <Show when={classes().length > 0}>
        <SelectField
          label="Class"
          value={props.choice.label}
          onValue={(label) => change({ label })}
          options={[{ value: "", label: "all" }, ...classes()]}
        />
      </Show>
      <Show when={attributes().length > 0}>
        <SelectField
          label="Attribute"
          value={props.choice.attribute}
          onValue={(attribute) => change({ attribute })}
          options={[{ value: "", label: "any" }, ...attributes()]}
        />
      </Show>
      <SelectField
        label="Size"
        value={props.choice.side}
        onValue={(side) => change({ side })}
        options={[
          { value: "32", label: "small" },
          { value: "64", label: "medium" },
          { value: "128", label: "large" },
        ]}
      />
      <CheckField label="mixed" value={props.choice.mixed} onValue={(mixed) => change({ mixed })} />
    </div>
  );
}

function Grid(props: { page: PicturePage; atlas: string; side: number }): JSX.Element {
  const size = () => shownSize(props.page.width, props.page.height, props.side);
  const rows = () => Math.ceil(props.page.items.length / props.page.columns);
  const words = ({ index, label, name, attributes }: PictureItem) =>
    [`picture ${index}`, name, label, attributes?.join(", ")].filter((word) => word !== undefined && word !== "").join(": ");
  return (
    <Show when={props.page.items.length > 0} fallback={<p class="soft">No pictures are left by this choice.</p>}>
      <ul class="gallery" aria-label="Pictures of the data set">
        <For each={props.page.items}>
          {(item, i) => (
            <li title={words(item)}>
              <figure style={{ width: `${size().width}px` }}>
                <AtlasCell src={props.atlas} columns={props.page.columns} rows={rows()} index={i()} {...size()} alt={words(item)} />
                <Show when={item.name ?? item.label}>{(text) => <figcaption aria-hidden="true">{text()}</figcaption>}</Show>
              </figure>
            </li>
          )}
        </For>
      </ul>
    </Show>
  );
}

function Means(props: { entry: DataEntry; split: SplitName; overview: PictureOverview }): JSX.Element {
  const groups = () => [
    "all",
    ...(props.overview.attributes.length > 0 ? props.overview.attributes : props.overview.labels).map(({ name }) => name),
  ];
  const size = () => shownSize(props.overview.shape[2], props.overview.shape[1], 64);
  const src = () => `.${dataPath(props.entry.name, `/mean.png?split=${props.split}`)}`;
  const channels = () => {
    const names = props.overview.channels.length === 1 ? ["grey"] : ["red", "green", "blue"];
    return props.overview.channels.map(({ mean, deviation }, k) => `${names[k]} ${mean.toFixed(3)} ± ${deviation.toFixed(3)}`).join(", ");
  };
  return (
    <Card title="Mean pictures">
      <ul class="gallery" aria-label="Mean pictures">
        <For each={groups()}>
          {(name, i) => (
            <li>
              <figure style={{ width: `${size().width}px` }}>
                <AtlasCell src={src()} columns={groups().length} rows={1} index={i()} {...size()} alt={`mean of ${name}`} />
                <figcaption aria-hidden="true">{name}</figcaption>
              </figure>
            </li>
          )}
        </For>
      </ul>
      <p class="hint">Intensities, 0 to 1, mean ± deviation: {channels()}.</p>
    </Card>
  );
}
