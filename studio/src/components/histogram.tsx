import { For, type JSX } from "solid-js";
import type { Bin } from "../../../src/studio/data.ts";

/** Upright bars over a line of values; the same figures are a table that can be opened. @param props.unit "characters" */
export function Histogram(props: { label: string; unit: string; bins: readonly Bin[] }): JSX.Element {
  const most = () => props.bins.reduce((largest, { count }) => Math.max(largest, count), 1);
  const last = () => props.bins[props.bins.length - 1];
  const peak = () => props.bins.find(({ count }) => count === most());
  const told = () =>
    `${props.label}: from ${props.bins[0]?.from ?? 0} to ${last()?.to ?? 0} ${props.unit}, most between ${peak()?.from ?? 0} and ${peak()?.to ?? 0}`;
  return (
    <figure class="histogram">
      <div class="columns" role="img" aria-label={told()}>
        <For each={props.bins}>
          {({ from, to, count }) => (
            <span
              class="histogram-bar"
              title={`${from} to ${to} ${props.unit}: ${count}`}
              style={{ height: `${(100 * count) / most()}%` }}
            />
          )}
        </For>
      </div>
      <figcaption class="ends" aria-hidden="true">
        <span>{props.bins[0]?.from.toLocaleString("en")}</span>
        <span>{props.unit}</span>
        <span>{last()?.to.toLocaleString("en")}</span>
      </figcaption>
      <details>
        <summary>As a table</summary>
        <table>
          <caption class="hidden">{props.label}</caption>
          <thead>
            <tr>
              <th scope="col">{props.unit}</th>
              <th scope="col" class="number">
                count
              </th>
            </tr>
          </thead>
          <tbody>
            <For each={props.bins}>
              {({ from, to, count }) => (
                <tr>
                  <th scope="row">
                    {from.toLocaleString("en")} to {to.toLocaleString("en")}
                  </th>
                  <td class="number">{count.toLocaleString("en")}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </details>
    </figure>
  );
}
