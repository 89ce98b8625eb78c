import { type JSX, Match, Switch } from "solid-js";
import { type Cover, coverOf } from "../pictures.ts";

export interface ModelPictureProps {
  readonly model: string;
  readonly title: string;
  readonly lazy?: boolean;
  /** Whether its name stands beside it and is enough for readers who hear the page. */
  readonly decorative?: boolean;
}

/** What a model made, or where there is no picture of it a pattern of its own. */
export function ModelPicture(props: ModelPictureProps): JSX.Element {
  const cover = () => coverOf(props.model);
  const picture = () => within(cover(), "src");
  const text = () => within(cover(), "text")?.text;
  return (
    <Switch fallback={<Pattern model={props.model} />}>
      <Match when={picture()}>
        {(shown) => (
          <img
            class="cover pixelated"
            src={shown().src}
            width={shown().width}
            height={shown().height}
            alt={props.decorative ? "" : `From the page of ${props.title}: ${shown().alt}`}
            loading={props.lazy === false ? "eager" : "lazy"}
          />
        )}
      </Match>
      <Match when={text()}>
        {(words) => (
          <blockquote
            class="cover specimen"
            aria-hidden={props.decorative ? "true" : undefined}
            aria-label={props.decorative ? undefined : `Written by ${props.title}`}
          >
            {words()}
          </blockquote>
        )}
      </Match>
    </Switch>
  );
}

function within<K extends string>(cover: Cover | undefined, key: K): Extract<Cover, Record<K, unknown>> | undefined {
  return cover !== undefined && key in cover ? (cover as Extract<Cover, Record<K, unknown>>) : undefined;
}

/** Squares whose shades come from the name: it shows nothing, so readers who hear the page are not told of it. */
function Pattern(props: { model: string }): JSX.Element {
  const shades = () => {
    let hash = 2166136261;
    return Array.from({ length: 96 }, (_, i) => {
      hash = Math.imul(hash ^ (props.model.charCodeAt(i % props.model.length) + i), 16777619) >>> 0;
      return (hash >>> 8) % 100;
    });
  };
  return (
    <svg class="cover pattern" viewBox="0 0 12 8" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
      {shades().map((shade, i) => (
        <rect x={i % 12} y={Math.floor(i / 12)} width="1.02" height="1.02" opacity={0.06 + shade / 220} />
      ))}
    </svg>
  );
}
