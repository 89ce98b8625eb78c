import covers from "./covers.json";
import sizes from "./pictures.json";

/** A picture of docs/pictures as it comes with the page, scaled down. */
export interface PagePicture {
  readonly src: string;
  readonly width: number;
  readonly height: number;
}

/** A picture by its name in docs/pictures without the ending; undefined for one that does not come with the page. */
export function pictureOf(name: string): PagePicture | undefined {
  const size = (sizes as unknown as Record<string, readonly [number, number]>)[name];
  return size === undefined ? undefined : { src: `./pictures/${name}.webp`, width: size[0], height: size[1] };
}

/** What stands for a model: a picture and what there is to see, or text that it wrote. */
export type Cover = (PagePicture & { readonly alt: string }) | { readonly text: string };

/** What stands for a model; undefined where its page shows nothing that it made. */
export function coverOf(model: string): Cover | undefined {
  const cover = (covers as Record<string, { readonly name?: string; readonly alt?: string; readonly text?: string }>)[model];
  if (cover?.text !== undefined) return { text: cover.text };
  const picture = cover === undefined ? undefined : pictureOf(cover.name ?? "");
  return picture === undefined ? undefined : { ...picture, alt: cover?.alt ?? "" };
}
