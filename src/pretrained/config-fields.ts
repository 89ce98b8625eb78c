import { FileError } from "../core/errors.ts";

/** The fields of a `config.json`, each checked when it is read. */
export class ConfigFields {
  readonly values: Readonly<Record<string, unknown>>;
  /** What errors name. */
  readonly where: string;

  /** @throws FileError when the value is not an object */
  constructor(value: unknown, where: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new FileError({ what: "The configuration is not a JSON object.", where, got: excerpt(value) });
    this.values = value as Record<string, unknown>;
    this.where = where;
  }

  has(name: string): boolean {
    return this.values[name] !== undefined && this.values[name] !== null;
  }

  /** A whole number from 1 to `most`: nothing in a file is believed that would ask for absurd memory. @throws FileError */
  whole(name: string, { fallback, most = 1 << 24 }: { fallback?: number; most?: number } = {}): number {
    const value = this.has(name) ? this.values[name] : fallback;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
    throw this.#wrong(name, value, `a whole number from 1 to ${most}`);
  }

  /** A finite number above 0, or of 0 and more where told. @throws FileError */
  number(name: string, { fallback, zero = false }: { fallback?: number; zero?: boolean } = {}): number {
    const value = this.has(name) ? this.values[name] : fallback;
    if (typeof value === "number" && Number.isFinite(value) && (zero ? value >= 0 : value > 0)) return value;
    throw this.#wrong(name, value, zero ? "a number of 0 or more" : "a number above 0");
  }

  /** @throws FileError */
  flag(name: string, fallback: boolean): boolean {
    const value = this.has(name) ? this.values[name] : fallback;
    if (typeof value === "boolean") return value;
    throw this.#wrong(name, value, "true or false");
  }

  /** One of the keys of `known`, as what it stands for. @throws FileError */
  choice<T>(name: string, known: Readonly<Record<string, T>>, fallback: string): T {
    const value = this.has(name) ? this.values[name] : fallback;
    if (typeof value === "string" && Object.hasOwn(known, value)) return known[value];
    throw this.#wrong(name, value, `one of: ${Object.keys(known).join(", ")}`);
  }

  /** A field that must be absent or one of these, because nothing else is supported. @throws FileError */
  only(name: string, accepted: readonly unknown[], because: string): void {
    const value = this.values[name];
    if (value === undefined || value === null || accepted.includes(value)) return;
    throw new FileError({
      what: `This variant of the network is not supported: ${because}.`,
      where: `${this.where}, ${name}`,
      got: excerpt(value),
      expected: accepted.map(excerpt).join(" or "),
    });
  }

  /** The fields of an object inside; undefined where there is none. @throws FileError */
  inner(name: string): ConfigFields | undefined {
    return this.has(name) ? new ConfigFields(this.values[name], `${this.where}, ${name}`) : undefined;
  }

  #wrong(name: string, value: unknown, expected: string): FileError {
    return new FileError({
      what: `The configuration's "${name}" is ${value === undefined ? "missing" : "not valid"}.`,
      where: `${this.where}, ${name}`,
      got: excerpt(value),
      expected,
    });
  }
}

function excerpt(value: unknown): string {
  const text = value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value));
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}
