import { createResource, For, type JSX, Show } from "solid-js";
import type { Leaderboards } from "../../../../src/studio/evaluation.ts";
import { api } from "../../api.ts";
import { Part } from "../../components/part.tsx";
import type { PageProps } from "../../pages.ts";
import "../../styles/data.css";
import { Board } from "./board.tsx";
import { RunsByData } from "./runs.tsx";

/** Models beside each other: leaderboards, and all runs of one's own. */
export default function Leaderboard(_props: PageProps): JSX.Element {
  const [all, { refetch }] = createResource(() => api.get<Leaderboards>("/api/leaderboards"));
  return (
    <>
      <div class="page-head">
        <h1>Leaderboard</h1>
        <p>
          Models on the same pictures, with the same time to learn, measured by one network's features; and your runs beside each other.
        </p>
      </div>
      <Part resource={all} what="the leaderboards" retry={() => void refetch()}>
        {({ boards, runs }) => (
          <div class="stack">
            <For each={boards}>{(board) => <Board board={board} />}</For>
            <Show when={boards.length === 0}>
              <p class="soft">
                No leaderboard yet. <code>atelier leaderboard --data fashion-mnist</code> trains one of every family that paints, for five
                minutes each, and compares them; it is shown here while it grows.
              </p>
            </Show>
            <RunsByData runs={runs} />
          </div>
        )}
      </Part>
    </>
  );
}
