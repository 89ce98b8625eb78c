/** Routes for uploads of the user's own data. */
import { z } from "zod";
import { uploadLimits } from "../uploads.ts";
import { StudioError } from "./errors.ts";
import type { Route, RouteRequest } from "./route.ts";

const beginning = z.object({
  name: z.string().max(200),
  files: z
    .array(z.object({ path: z.string().max(2000), bytes: z.int().min(0) }))
    .min(1)
    .max(4 * uploadLimits.files),
});
/** Bytes of the list of files: twenty thousand long paths. */
const LIST_BYTES = 16 * 2 ** 20;

async function readList(request: RouteRequest): Promise<unknown> {
  const parts: Uint8Array[] = [];
  for await (const part of request.body(LIST_BYTES)) parts.push(part);
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    throw new StudioError(400, "The list of files is not JSON.");
  }
}

const offset = z.coerce.number().int().min(0);

export const routes: readonly Route[] = [
  {
    method: "POST",
    path: "/api/uploads",
    handle: async (request, { uploads }) => {
      const { name, files } = beginning.parse(await readList(request));
      return { json: await uploads.begin(name, files) };
    },
  },
  {
    method: "GET",
    path: "/api/uploads/:upload",
    handle: async ({ parameters }, { uploads }) => ({ json: uploads.get(parameters.upload) }),
  },
  {
    method: "POST",
    path: "/api/uploads/:upload/bytes",
    handle: async (request, { uploads }) => {
      const at = offset.parse(request.query.get("offset"));
      const received = await uploads.take(request.parameters.upload, at, request.body(uploadLimits.chunkBytes));
      return { json: { received } };
    },
  },
  {
    method: "POST",
    path: "/api/uploads/:upload/finish",
    handle: async ({ parameters }, { uploads, tasks }) => ({ json: await uploads.finish(parameters.upload, tasks) }),
  },
  {
    method: "DELETE",
    path: "/api/uploads/:upload",
    handle: async ({ parameters }, { uploads }) => {
      await uploads.cancel(parameters.upload);
      return { json: { cancelled: parameters.upload } };
    },
  },
];
