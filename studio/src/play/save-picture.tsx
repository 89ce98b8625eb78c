import type { JSX } from "solid-js";
import { Button } from "../components/button.tsx";

/** A button that saves what a canvas shows as a PNG file, four screen pixels a pixel where it is small. */
export function SavePicture(props: { name: string; canvas: () => HTMLCanvasElement | undefined; ready: boolean }): JSX.Element {
  const save = (): void => {
    const shown = props.canvas();
    if (shown === undefined) return;
    const scale = Math.max(1, Math.round(512 / shown.width));
    const large = document.createElement("canvas");
    large.width = shown.width * scale;
    large.height = shown.height * scale;
    const context = large.getContext("2d");
    if (context === null) return;
    context.imageSmoothingEnabled = false;
    context.drawImage(shown, 0, 0, large.width, large.height);
    large.toBlob((blob) => {
      if (blob === null) return;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${props.name}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
  };
  return (
    <Button disabled={!props.ready} onClick={save}>
      Save as PNG
    </Button>
  );
}
