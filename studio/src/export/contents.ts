/** What stands in the file beside the page's own code. */
import type { PageFacts } from "../../../src/play/page-facts.ts";

export type { PageFacts };

/** What is said of the run. */
export function readFacts(): PageFacts {
  return JSON.parse(element("facts")) as PageFacts;
}

/** Compressed bytes, as base64 in an element. */
export function bytesOf(id: string): Uint8Array<ArrayBuffer> {
  const binary = atob(element(id));
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** @throws TypeError in browsers from before 2023, which cannot decompress */
export async function unpack(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A compressed text. */
export async function textOf(id: string): Promise<string> {
  return new TextDecoder().decode(await unpack(bytesOf(id)));
}

function element(id: string): string {
  const found = document.getElementById(id)?.textContent;
  if (!found) throw new Error(`The file is not whole: its part "${id}" is missing.`);
  return found.trim();
}
