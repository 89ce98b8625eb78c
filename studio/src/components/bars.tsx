import { For, type JSX, Show } from "solid-js";
import type { Count } from "../../../src/studio/data.ts";

export interface BarsProps {
  /** What is counted: "Pictures of each class". */
  readonly label: string;
  readonly rows: readonly Count[];
  /** Of how many: shares are shown then. */
  readonly total?: number | undefined;
  /** Rows shown before "all". Default 12. */
  readonly most?: number;
}

/** A bar for each count. It is a table: the figures are there for all who cannot see the bars. */
export function Bars(props: BarsProps): JSX.Element {
  const largest = () => props.rows.reduce((most, { count }) => Math.max(most, count), 1);
  const first = () => props.rows.slice(0, props.most ?? 12);
  const rest = () => props.rows.slice(props.most ?? 12);
  const body = (rows: readonly Count[]) => <BarTable label={props.label} rows={rows} total={props.total} largest={largest()} />;
  return (
    <div class="bars">
      {body(first())}
      <Show when={rest().length > 0}>
        <details>
          <summary>{rest().length} more</summary>
          {body(rest())}
        </details>
      </Show>
    </div>
  );
}

function BarTable(props: { label: string; rows: readonly Count[]; total: number | undefined; largest: number }): JSX.Element {
  return (
    <table>
      <caption class="hidden">{props.label}</caption>
      <tbody>
        <For each={props.rows}>
          {({ name, count }) => (
            <tr>
              <th scope="row">{name}</th>
              <td class="bar" aria-hidden="true">
                <span class="bar-fill" style={{ width: `${(100 * count) / props.largest}%` }} />
              </td>
              <td class="number">
                {count.toLocaleString("en")}
                <Show when={props.total}>{(total) => <span class="soft"> {shareText(count / total())}</span>}</Show>
              </td>
            </tr>
          )}
        </For>
      </tbody>
    </table>
  );
}

/** A share as per cent, with a digit where it is small. */
export function shareText(share: number): string {
  const percent = 100 * share;
  return `${percent === 0 || percent >= 10 ? percent.toFixed(0) : percent.toPrecision(2)} %`;
}
