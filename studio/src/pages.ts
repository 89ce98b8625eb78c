import { type Component, lazy } from "solid-js";

/** What every page is given. */
export interface PageProps {
  /** What stands in the address after the page's own word, decoded: `["vae-001", "samples"]` of `#/runs/vae-001/samples`. */
  readonly rest: readonly string[];
  /** What stands after `?` in the address: `#/train?model=vae`. */
  readonly query: URLSearchParams;
}

/** A page of the studio. */
export interface Page {
  /** The first word of its address: `train` of `#/train`. */
  readonly path: string;
  readonly title: string;
  /** Whether the navigation shows it; others are reached from pages. */
  readonly navigation: boolean;
  /** Loaded when it is first opened. */
  readonly view: Component<PageProps>;
}

/** Every page, in the navigation's order. The first is the one that opens. */
export const pages: readonly Page[] = [
  { path: "garden", title: "Garden", navigation: true, view: lazy(() => import("./pages/garden/garden.tsx")) },
  { path: "data", title: "Data", navigation: true, view: lazy(() => import("./pages/data/data.tsx")) },
  { path: "train", title: "Train", navigation: true, view: lazy(() => import("./pages/train/train.tsx")) },
  { path: "runs", title: "Runs", navigation: true, view: lazy(() => import("./pages/runs/runs.tsx")) },
  { path: "compare", title: "Compare", navigation: false, view: lazy(() => import("./pages/compare/compare.tsx")) },
  { path: "evaluate", title: "Evaluate", navigation: true, view: lazy(() => import("./pages/evaluate/evaluate.tsx")) },
  { path: "leaderboard", title: "Leaderboard", navigation: true, view: lazy(() => import("./pages/leaderboard/leaderboard.tsx")) },
  { path: "generate", title: "Generate", navigation: true, view: lazy(() => import("./pages/generate/generate.tsx")) },
  { path: "chat", title: "Chat", navigation: true, view: lazy(() => import("./pages/chat/chat.tsx")) },
  { path: "explore", title: "Explore", navigation: true, view: lazy(() => import("./pages/explore/explore.tsx")) },
  { path: "learn", title: "Learn", navigation: true, view: lazy(() => import("./pages/learn/learn.tsx")) },
];
