import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";

/** A file of the built page. */
export interface Asset {
  readonly type: string;
  readonly bytes: Buffer;
  /** The same, packed; undefined where packing gains nothing. */
  readonly packed: Buffer | undefined;
  /** Whether its name changes with its content. */
  readonly hashed: boolean;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".webp": "image/webp",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".wasm": "application/wasm",
  ".txt": "text/plain; charset=utf-8",
};

const packable = /\.(html|m?js|css|json|svg|wasm|txt)$/;

/**
 * What the page's folder holds, read once and then by exact address only: no address becomes a path. Files of unknown types and hidden ones are not served.
 * @param folder `dist/studio/page`
 * @returns from address (`/assets/index-abc.js`; `/` for index.html) to a reader of the file, which keeps what it read; empty where there is no folder
 */
export function listAssets(folder: string): ReadonlyMap<string, () => Asset> {
  const found = new Map<string, () => Asset>();
  for (const name of namesIn(folder)) {
    const address = `/${name.split(path.sep).join("/")}`;
    const type = types[path.extname(name)];
    if (type === undefined || address.includes("/.")) continue;
    let asset: Asset | undefined;
    const read = () => {
      if (asset === undefined) {
        const bytes = readFileSync(path.join(folder, name));
        const packed = packable.test(name) && bytes.length > 1024 ? gzipSync(bytes) : undefined;
        asset = { type, bytes, packed, hashed: address.startsWith("/assets/") };
      }
      return asset;
    };
    found.set(address === "/index.html" ? "/" : address, read);
  }
  return found;
}

function namesIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
