/** Files from the web, held against a checksum. */
import { createHash } from "node:crypto";
import { FileError } from "../errors.ts";
import type { FetchOptions } from "./npm-package.ts";

/** More is refused where the size is not known. */
const MOST_BYTES = 2 ** 31;

/**
 * The bytes at an address, whose SHA-256 must be the one given; nothing else is accepted, and no more than `bytes` where it is known.
 * @throws FileError when the address cannot be reached, answers with an error, or gives other bytes.
 */
export async function download(
  { url, sha256, bytes }: { url: string; sha256: string; bytes?: number | undefined },
  options: FetchOptions = {},
): Promise<Uint8Array> {
  const start = performance.now();
  const progress = () => options.onProgress?.(`fetching ${url}`, Math.round((performance.now() - start) / 1000));
  progress();
  const offline = "connect to the network, or download the file yourself and give its path";
  const response = await fetch(url, { signal: options.signal }).catch((error: unknown) => {
    options.signal?.throwIfAborted();
    const reason = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error);
    throw new FileError({ what: "Could not reach the address.", where: url, got: reason, hint: offline, cause: error });
  });
  if (!response.ok || response.body === null) {
    throw new FileError({
      what: "The address answers with an error.",
      where: url,
      got: `${response.status} ${response.statusText}`,
      hint: offline,
    });
  }
  const parts: Uint8Array[] = [];
  let [total, told] = [0, start];
  for await (const part of response.body) {
    total += part.length;
    if (total > (bytes ?? MOST_BYTES))
      throw new FileError({ what: "The file is longer than declared.", where: url, expected: `at most ${bytes ?? MOST_BYTES} bytes` });
    parts.push(part);
    if (performance.now() - told > 1000) {
      told = performance.now();
      progress();
    }
  }
  const all = Buffer.concat(parts);
  const got = createHash("sha256").update(all).digest("hex");
  if (got === sha256) return all;
  throw new FileError({
    what: "The file at the address is not the one expected; nothing of it was kept.",
    where: url,
    got: `sha256 ${got}`,
    expected: `sha256 ${sha256}`,
  });
}
