/** Small tar archives for tests. */
export interface TarEntry {
  name: string;
  data?: Uint8Array | string | undefined;
  /** The type flag; default "0", a regular file. */
  type?: string | undefined;
}

/** An archive of the entries in ustar form, ended by two zero blocks. */
export function makeTar(entries: readonly TarEntry[]): Uint8Array {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  for (const { name, data = "", type = "0" } of entries) {
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    const header = new Uint8Array(512);
    const put = (at: number, text: string) => header.set(encoder.encode(text), at);
    put(0, name);
    put(100, "0000644\0");
    put(124, `${bytes.length.toString(8).padStart(11, "0")}\0`);
    put(148, "        ");
    put(156, type);
    put(257, "ustar\x0000");
    const sum = header.reduce((a, b) => a + b, 0);
    put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
    parts.push(header, bytes, new Uint8Array((512 - (bytes.length % 512)) % 512));
  }
  parts.push(new Uint8Array(1024));
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}
