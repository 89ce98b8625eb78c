import { For, type JSX } from "solid-js";

export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => JSX.Element;
  /** Numbers stand at the right. */
  readonly number?: boolean;
}

export interface TableProps<T> {
  /** What the table shows, for readers who hear it; visible only with `captioned`. */
  readonly caption: string;
  readonly captioned?: boolean;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
}

/** Rows of facts; the first column names them. On a narrow page it scrolls by itself. */
export function Table<T>(props: TableProps<T>): JSX.Element {
  return (
    <section class="table" tabindex={0} aria-label={props.caption}>
      <table>
        <caption class={props.captioned ? "" : "hidden"}>{props.caption}</caption>
        <thead>
          <tr>
            <For each={props.columns}>
              {({ title, number }) => (
                <th scope="col" class={number ? "number" : ""}>
                  {title}
                </th>
              )}
            </For>
          </tr>
        </thead>
        <tbody>
          <For each={props.rows}>
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
