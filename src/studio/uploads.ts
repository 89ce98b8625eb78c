/** What an upload of the user's own pictures or texts may be: read by the page before it sends and by the server when it takes. */

export const uploadLimits = {
  /** Bytes of one file. */
  fileBytes: 64 * 2 ** 20,
  files: 20_000,
  /** Bytes in all. */
  totalBytes: 2 * 2 ** 30,
  /** Bytes of one request. */
  chunkBytes: 4 * 2 ** 20,
  /** Characters of a path, of a name in it, and folders deep. */
  pathLength: 300,
  nameLength: 120,
  depth: 6,
} as const;

export interface UploadFile {
  /** Inside the folder, with forward slashes. */
  readonly path: string;
  readonly bytes: number;
}

export interface Refused {
  readonly path: string;
  readonly because: string;
}

export type UploadKind = "pictures" | "text";

/** An upload as the server keeps it: the bytes of `accepted`, one file after the other, are one long stream that comes in parts. */
export interface Upload {
  readonly id: string;
  /** What the data set will be called. */
  readonly name: string;
  readonly kind: UploadKind;
  readonly accepted: readonly UploadFile[];
  readonly refused: readonly Refused[];
  /** Bytes of the stream, and how many have arrived. */
  readonly bytes: number;
  readonly received: number;
}

/** What became of an upload. */
export interface UploadResult {
  /** The data set: `own:NAME`. */
  readonly name: string;
  readonly kept: number;
  readonly refused: readonly Refused[];
  readonly notes: readonly string[];
}

const PICTURE = /\.(png|jpe?g|webp)$/i;
const TEXT = /\.(txt|md|jsonl|ndjson|csv|tsv)$/i;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
/** Windows cannot make files of these names, with whatever ending. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** Whether an uploaded data set may have this name: as a run's. */
export function isUploadName(name: string): boolean {
  return NAME.test(name) && !RESERVED.test(name);
}

/** A name that is allowed, made from what a folder is called. */
export function uploadNameFrom(folder: string): string {
  const name = folder
    .normalize("NFKD")
    .replace(/[^A-Za-z0-9_-]+/g, "-")
    .replace(/^[-_]+|-+$/g, "")
    .slice(0, 40);
  return isUploadName(name) ? name : "my-data";
}

/** Why a path cannot be a file's inside an uploaded folder; undefined where it can. */
export function pathProblem(path: string): string | undefined {
  const { pathLength, nameLength, depth } = uploadLimits;
  if (path.length === 0 || path.length > pathLength) return `its path has ${path.length} characters, and 1 to ${pathLength} are allowed`;
  const parts = path.split("/");
  if (parts.length > depth) return `it lies more than ${depth} folders deep`;
  for (const part of parts) {
    if (part === "" || part === "." || part === "..") return "its path leads out of the folder or is not a path";
    if (part.length > nameLength) return `a name in its path is longer than ${nameLength} characters`;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\u0000-\u001f\u007f\\:*?"<>|]/.test(part)) return "its path holds a character that not every system allows in names";
    if (/[. ]$/.test(part) || RESERVED.test(part)) return "a name in its path is not allowed on every system";
    if (part.startsWith(".") || part === "__MACOSX" || part === "Thumbs.db") return "hidden files are left out";
  }
  return undefined;
}

/** Pictures where there is any picture, else text where there is any text. */
export function uploadKind(paths: readonly string[]): UploadKind | undefined {
  if (paths.some((path) => PICTURE.test(path))) return "pictures";
  return paths.some((path) => TEXT.test(path)) ? "text" : undefined;
}

/** Why a file does not belong into a set of its kind; undefined where it does. */
export function kindProblem(path: string, kind: UploadKind): string | undefined {
  if (kind === "text") return TEXT.test(path) ? undefined : "not a .txt, .md, .jsonl, .csv or .tsv file";
  return PICTURE.test(path) || path === "labels.csv" ? undefined : "not a .png, .jpg or .webp picture (nor labels.csv beside them)";
}

/** The one folder that all paths lie in, with its slash; empty where there is none. */
export function commonFolder(paths: readonly string[]): string {
  const first = paths[0]?.split("/") ?? [];
  if (first.length < 2) return "";
  const folder = `${first[0]}/`;
  return paths.every((path) => path.startsWith(folder)) ? folder : "";
}

/** Sort what is offered into what will be taken, in the order given, and what will not, with reasons. */
export function sortFiles(files: readonly UploadFile[], kind: UploadKind): { accepted: UploadFile[]; refused: Refused[] } {
  const accepted: UploadFile[] = [];
  const refused: Refused[] = [];
  const seen = new Set<string>();
  let total = 0;
  for (const { path, bytes } of files) {
    // Names that differ in case only are one file on some systems.
    const key = path.normalize("NFC").toLowerCase();
    const because =
      pathProblem(path) ??
      kindProblem(path, kind) ??
      (seen.has(key) ? "another file has this name already" : undefined) ??
      (bytes === 0 ? "it is empty" : undefined) ??
      (bytes > uploadLimits.fileBytes ? `it is larger than ${uploadLimits.fileBytes / 2 ** 20} MiB` : undefined) ??
      (accepted.length >= uploadLimits.files ? `more than ${uploadLimits.files} files` : undefined) ??
      (total + bytes > uploadLimits.totalBytes ? `more than ${uploadLimits.totalBytes / 2 ** 30} GiB in all` : undefined);
    if (because !== undefined) {
      refused.push({ path, because });
      continue;
    }
    seen.add(key);
    total += bytes;
    accepted.push({ path, bytes });
  }
  return { accepted, refused };
}
