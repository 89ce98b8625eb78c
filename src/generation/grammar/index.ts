export { GrammarConstraints, grammarConstraint, jsonConstraint } from "./constraint.ts";
export { parseGrammar } from "./gbnf.ts";
export type { Expression, Grammar } from "./grammar.ts";
export { jsonSchemaGrammar } from "./json-schema.ts";
