import { createMemo, createSignal, For, type JSX, Show } from "solid-js";
import { sortRows } from "./sort-rows.ts";

export interface Column<T> {
  readonly title: string;
  /** What the title means, for those who point at it or hear it. */
  readonly about?: string | undefined;
  readonly cell: (row: T) => JSX.Element;
  /** What rows are sorted by; a column without is not sorted. Rows without a value stand last whichever way is chosen. */
  readonly value?: ((row: T) => number | string | undefined) | undefined;
  /** Numbers stand at the right. */
  readonly number?: boolean;
}

export interface TableProps<T> {
  /** What the table shows, for readers who hear it; visible only with `captioned`. */
  readonly caption: string;
  readonly captioned?: boolean;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  /** Which column is sorted at first, and which way. */
  readonly sorted?: { readonly column: number; readonly descending?: boolean };
}

/** Rows of facts; the first column names them. Columns with a value sort them, by the button in their heads. On a narrow page it scrolls by itself. */
export function Table<T>(props: TableProps<T>): JSX.Element {
  const [column, setColumn] = createSignal(props.sorted?.column);
  const [descending, setDescending] = createSignal(props.sorted?.descending ?? false);
  const rows = createMemo(() => sortRows(props.rows, props.columns[column() ?? -1]?.value, descending()));
  const choose = (i: number) => {
    setDescending(column() === i ? !descending() : false);
    setColumn(i);
  };
  return (
    <section class="table" tabindex={0} aria-label={props.caption}>
      <table>
        <caption class={props.captioned ? "" : "hidden"}>{props.caption}</caption>
        <thead>
          <tr>
            <For each={props.columns}>
              {(head, i) => (
                <Head
                  column={head}
                  direction={column() !== i() ? undefined : descending() ? "descending" : "ascending"}
                  onChoose={() => choose(i())}
                />
              )}
            </For>
          </tr>
        </thead>
        <tbody>
          <For each={rows()}>
            {(row) => (
              <tr>
                <For each={props.columns}>
                  {({ cell, number }, i) =>
                    i() === 0 ? <th scope="row">{cell(row)}</th> : <td class={number ? "number" : ""}>{cell(row)}</td>
                  }
                </For>
              </tr>
            )}
          </For>
        </tbody>
      </table>
    </section>
  );
}

function Head<T>(props: { column: Column<T>; direction: "ascending" | "descending" | undefined; onChoose: () => void }): JSX.Element {
  return (
    <th
      scope="col"
      class={props.column.number ? "number" : ""}
      aria-sort={props.column.value === undefined ? undefined : (props.direction ?? "none")}
      title={props.column.about}
    >
      <Show when={props.column.value} fallback={props.column.title}>
        <button type="button" class="sort" onClick={() => props.onChoose()}>
          {props.column.title}
          <span aria-hidden="true" class="arrow">
            {props.direction === undefined ? "↕" : props.direction === "ascending" ? "▲" : "▼"}
          </span>
        </button>
      </Show>
    </th>
  );
}
