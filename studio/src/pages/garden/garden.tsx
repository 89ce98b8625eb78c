import type { JSX } from "solid-js";
import { EmptyState } from "../../components/empty-state.tsx";
import type { PageProps } from "../../pages.ts";

/** Every model of the garden. */
export default function Garden(_props: PageProps): JSX.Element {
  return (
    <>
      <div class="page-head">
        <h1>Garden</h1>
      </div>
      <EmptyState title="No models yet" />
    </>
  );
}
