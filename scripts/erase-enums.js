// Generated code has TypeScript enums, which cannot be erased; write each as a constant object and a union type instead.
import { readFileSync } from "node:fs";

const source = readFileSync(process.argv[2], "utf8");
const erased = source.replace(/export enum (\w+) \{([\s\S]*?)\n\}/g, (_, name, body) => {
  const members = body.replace(/^(\s*)(\w+) = (\d+),/gm, "$1$2: $3,");
  return `export const ${name} = {${members}\n} as const;\nexport type ${name} = (typeof ${name})[keyof typeof ${name}];`;
});
process.stdout.write(erased);
