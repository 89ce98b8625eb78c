import type { JSX } from "solid-js";
import { EmptyState } from "../../components/empty-state.tsx";
import type { PageProps } from "../../pages.ts";

/** A model's page. */
export default function Learn(props: PageProps): JSX.Element {
  return (
    <>
      <div class="page-head">
        <h1>Learn</h1>
      </div>
      <EmptyState title={`No page for ${props.rest[0] ?? "this"} yet`} />
    </>
  );
}
