import { type JSX, Match, Show, Switch } from "solid-js";
import { EmptyState } from "../components/empty-state.tsx";
import { CodePanel } from "./code-panel.tsx";
import type { Play } from "./extras.ts";
import { Fill } from "./fill.tsx";
import { Morph } from "./morph.tsx";
import { NewOnes } from "./new-ones.tsx";
import { PointPanel, Warp } from "./points.tsx";
import { Translate, Write } from "./write.tsx";
import "./play.css";

/** Larger codes are pictures of noise, or of words: a hand finds nothing among them without a map. */
const MOST_NUMBERS = 512;

export interface PlaygroundProps {
  readonly play: Play;
  /** Where codes are chosen: a map. */
  readonly pad?: JSX.Element;
  /** The code that is chosen there. */
  readonly code?: Float32Array | undefined;
  /** Ends of a way that are chosen there. */
  readonly ends?: readonly [Float32Array | undefined, Float32Array | undefined] | undefined;
}

/** Everything that can be done with a model, by what it is able to do. */
export function Playground(props: PlaygroundProps): JSX.Element {
  const { about } = props.play.opened;
  const start = () => about.normalCodes || props.play.extras.examples !== undefined;
  const byHand = () => about.can.decode && about.codeSize > 0 && (props.pad !== undefined || (about.codeSize <= MOST_NUMBERS && start()));
  const ways = () => about.can.decode && about.codeSize > 0 && start();
  return (
    <div class="stack">
      <Switch fallback={<CannotShow play={props.play} />}>
        <Match when={about.can.writes}>
          <Write play={props.play} />
        </Match>
        <Match when={about.can.translates}>
          <Translate play={props.play} />
        </Match>
        <Match when={about.kind === "points" && about.shape[0] === 2 && about.can.sample}>
          <PointPanel play={props.play} />
          <Show when={about.can.decode && about.codeSize === 2}>
            <Warp play={props.play} />
          </Show>
        </Match>
        <Match when={about.kind === "pictures" && (about.can.sample || byHand())}>
          <Show when={byHand()}>
            <CodePanel play={props.play} pad={props.pad} code={props.code} />
          </Show>
          <Show when={about.can.sample}>
            <NewOnes play={props.play} />
          </Show>
          <Show when={ways()}>
            <Morph play={props.play} ends={props.ends} />
          </Show>
          <Show when={about.can.fills && about.can.sample}>
            <Fill play={props.play} />
          </Show>
        </Match>
      </Switch>
    </div>
  );
}

function CannotShow(props: { play: Play }): JSX.Element {
  const { can, title } = props.play.opened.about;
  const abilities = Object.entries(can).flatMap(([name, able]) => (able === false ? [] : [name]));
  return (
    <EmptyState title="Nothing to play with here">
      <p>
        {title} {abilities.length === 0 ? "tells examples apart; it makes none." : `can only: ${abilities.join(", ")}.`}
      </p>
    </EmptyState>
  );
}
