// Run a TypeScript file of a clone: node bin/ts.js FILE [arguments]. Node 20 cannot, so a loader hook strips the types with the compiler.
// The package's own name and sub-paths mean the sources.
import { readFile } from "node:fs/promises";
import { register } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isMainThread } from "node:worker_threads";

let compiler;

export function resolve(specifier, context, next) {
  return next(specifier, { ...context, conditions: [...context.conditions, "source"] });
}

export async function load(url, context, next) {
  if (!url.startsWith("file:") || !url.endsWith(".ts")) return next(url, context);
  compiler ??= (await import("typescript")).default;
  const { ESNext, ES2023 } = { ...compiler.ModuleKind, ...compiler.ScriptTarget };
  const fileName = fileURLToPath(url);
  const { outputText } = compiler.transpileModule(await readFile(fileName, "utf8"), {
    fileName,
    compilerOptions: { module: ESNext, target: ES2023, verbatimModuleSyntax: true, inlineSourceMap: true },
  });
  return { format: "module", source: outputText, shortCircuit: true };
}

// The hooks are loaded from this same file in a thread of their own.
if (isMainThread) {
  const file = process.argv[2];
  if (file === undefined) {
    console.error("use: node bin/ts.js FILE.ts [arguments]");
    process.exit(2);
  }
  process.argv.splice(1, 2, path.resolve(file));
  process.setSourceMapsEnabled(true);
  register(import.meta.url);
  await import(pathToFileURL(path.resolve(file)).href);
}
