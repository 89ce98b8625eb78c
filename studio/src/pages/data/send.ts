import type { Task } from "../../../../src/studio/tasks.ts";
import { type Upload, uploadLimits } from "../../../../src/studio/uploads.ts";
import { ApiError, api } from "../../api.ts";
import type { Chosen } from "./dropped.ts";

/** How often a part is tried again when the connection is lost. */
const TRIES = 5;

/**
 * Send files under a name; a part that is lost on the way is sent again from where it broke off.
 * @param onProgress bytes that have arrived, of all
 * @returns the task that checks them
 * @throws ApiError for what the server refuses
 */
export async function sendFiles(
  name: string,
  files: readonly Chosen[],
  { onProgress, signal }: { onProgress: (received: number, bytes: number) => void; signal: AbortSignal },
): Promise<Task> {
  const list = files.map(({ path, file }) => ({ path, bytes: file.size }));
  const upload = await api.post<Upload>("/api/uploads", { name, files: list }, { signal });
  const there = `/api/uploads/${upload.id}`;
  try {
    const byPath = new Map(files.map(({ path, file }) => [path, file]));
    // Only references: nothing is read before its part is sent.
    const stream = new Blob(upload.accepted.map(({ path }) => byPath.get(path)!));
    for (let received = 0; received < upload.bytes; ) {
      onProgress(received, upload.bytes);
      received = await sendPart(there, stream, received, signal);
    }
    onProgress(upload.bytes, upload.bytes);
    return await api.post<Task>(`${there}/finish`, {}, { signal });
  } catch (error) {
    void api.delete(there).catch(() => undefined);
    throw error;
  }
}

async function sendPart(there: string, stream: Blob, offset: number, signal: AbortSignal): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      const part = stream.slice(offset, offset + uploadLimits.chunkBytes);
      return (await api.post<{ received: number }>(`${there}/bytes?offset=${offset}`, part, { signal })).received;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 0 || attempt === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** attempt));
      const { received } = await api.get<Upload>(there, { signal });
      if (received > offset) return received;
    }
  }
}
