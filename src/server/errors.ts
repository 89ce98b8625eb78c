import { type Problem, UsageError } from "../core/errors.ts";

/** What a client is told, with OpenAI's status codes and bodies. */
export class ApiError extends Error {
  /** The HTTP status. */
  readonly status: number;
  readonly type: string;
  /** The field of the request that is wrong: `messages[0].content`. */
  readonly param: string | null;
  readonly code: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    {
      type = "invalid_request_error",
      param = null,
      code = null,
      headers = {},
    }: Partial<Pick<ApiError, "type" | "param" | "code" | "headers">> = {},
  ) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.type = type;
    this.param = param;
    this.code = code;
    this.headers = headers;
  }

  /** The body of the reply. */
  toJSON(): { error: { message: string; type: string; param: string | null; code: string | null } } {
    return { error: { message: this.message, type: this.type, param: this.param, code: this.code } };
  }
}

/** A field of the request has a value that cannot be used. */
export function badParameter(param: string, message: string, code: string | null = "invalid_value"): ApiError {
  return new ApiError(400, message, { param, code });
}

/** The server ends, or ended before the answer was complete. */
export function shuttingDown(): ApiError {
  return new ApiError(503, "The server is shutting down.", {
    type: "server_error",
    code: "service_unavailable",
    headers: { "retry-after": "5" },
  });
}

/** What a request counts as whose client did not wait for the answer; nobody reads it. The status is nginx's. */
export function clientGone(): ApiError {
  return new ApiError(499, "The client closed the connection.");
}

/** A problem in one line. */
export function inOneLine({ what, where, got, expected, hint }: Problem): string {
  const parts = Object.entries({ At: where, Got: got, Expected: expected, Try: hint });
  return what + parts.map(([name, text]) => (text === undefined ? "" : ` ${name}: ${text}.`)).join("");
}

/** Any thrown value as an error for clients: what the request did wrong is told, what went wrong here is not. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  // Where it happened is left out, which may be a file of this machine, and what to try, which may be an option of the command line.
  if (error instanceof UsageError) {
    const { what, got, expected } = error.problem;
    return new ApiError(400, inOneLine({ what, got, expected }), { code: "invalid_value" });
  }
  return new ApiError(500, "The server had an error while processing your request.", { type: "server_error" });
}
