import type { z } from "zod";
import { ApiError, badParameter } from "./errors.ts";

type Issue = z.core.$ZodIssue;

/**
 * The body of a request as a schema describes it. Fields that are null count as absent, as OpenAI's do.
 * @throws ApiError 400 with OpenAI's words and codes, naming the first field that is wrong
 */
export function parseBody<S extends z.ZodType>(schema: S, body: unknown): z.infer<S> {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new ApiError(400, "The body of the request must be a JSON object.");
  const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
  const checked = schema.safeParse(given, { reportInput: true });
  if (checked.success) return checked.data;
  throw asParameterError(checked.error.issues[0]);
}

function asParameterError(issue: Issue, prefix: readonly PropertyKey[] = []): ApiError {
  const path = [...prefix, ...issue.path];
  const param = pathText(path);
  switch (issue.code) {
    case "unrecognized_keys": {
      const name = pathText([...path, issue.keys[0]]);
      return badParameter(name, `Unknown parameter: '${name}'.`, "unknown_parameter");
    }
    case "invalid_type":
      if (issue.input === undefined) return badParameter(param, `Missing required parameter: '${param}'.`, "missing_required_parameter");
      return badParameter(
        param,
        `Invalid type for '${param}': expected ${article(issue.expected)}, but got ${kindOf(issue.input)} instead.`,
        "invalid_type",
      );
    case "too_big":
    case "too_small":
      return outOfBounds(param, issue);
    case "invalid_value": {
      if (issue.input === undefined) return badParameter(param, `Missing required parameter: '${param}'.`, "missing_required_parameter");
      const known = issue.values.map((value) => `'${String(value)}'`).join(", ");
      return badParameter(param, `Invalid value: ${JSON.stringify(issue.input)}. Supported values are: ${known}.`);
    }
    case "invalid_union": {
      const branches = [...issue.errors].filter((issues) => issues.length > 0).sort((a, b) => depth(b) - depth(a));
      const [inner] = branches[0] ?? [];
      // One branch went further into the value than the others: the value was meant for it.
      if (inner !== undefined && inner.path.length > 0) return asParameterError(inner, path);
      // One has the value's type, and only its length is wrong.
      const length = branches.flat().find(({ code }) => code === "too_big" || code === "too_small");
      if (length !== undefined) return asParameterError(length, path);
      if (issue.input === undefined) return badParameter(param, `Missing required parameter: '${param}'.`, "missing_required_parameter");
      return badParameter(
        param,
        `Invalid type for '${param}': got ${kindOf(issue.input)}, which is not one of the types that it may have.`,
        "invalid_type",
      );
    }
    default:
      return badParameter(param, `Invalid value for '${param}': ${issue.message}`);
  }
}

function depth(issues: readonly Issue[]): number {
  return Math.max(...issues.map(({ path }) => path.length));
}

function outOfBounds(param: string, issue: Extract<Issue, { code: "too_big" | "too_small" }>): ApiError {
  const [above, bound] = issue.code === "too_big" ? [true, issue.maximum] : [false, issue.minimum];
  const sign = above ? (issue.inclusive === false ? "<" : "<=") : issue.inclusive === false ? ">" : ">=";
  if (issue.origin === "array" || issue.origin === "string") {
    const what = issue.origin === "array" ? "array" : "string";
    return badParameter(
      param,
      `Invalid '${param}': ${what} too ${above ? "long" : "short"}. Expected a length ${sign} ${bound}.`,
      `${what}_${above ? "above_max" : "below_min"}_length`,
    );
  }
  const kind = Number.isInteger(issue.input) ? "integer" : "decimal";
  return badParameter(
    param,
    `Invalid '${param}': ${kind} ${above ? "above maximum" : "below minimum"} value. Expected a value ${sign} ${bound}, but got ${String(issue.input)} instead.`,
    `${kind}_${above ? "above_max" : "below_min"}_value`,
  );
}

/** `messages[0].content` */
function pathText(path: readonly PropertyKey[]): string {
  return path.map((part, i) => (typeof part === "number" ? `[${part}]` : `${i === 0 ? "" : "."}${String(part)}`)).join("");
}

function article(expected: string): string {
  const names: Record<string, string> = {
    number: "a number",
    int: "an integer",
    string: "a string",
    boolean: "a boolean",
    array: "an array",
  };
  return names[expected] ?? `an ${expected}`;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return Number.isInteger(value) ? "an integer" : "a decimal";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
