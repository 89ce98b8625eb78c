// The rules that keep the sources readable and loadable in a browser, read off the sources themselves.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

/** Low to high: a folder may import values from those before its own row, and from itself. Folders of one row do not know each other. */
const rows = [
  ["core"],
  ["graph"],
  ["autodiff"],
  ["lower"],
  ["native"],
  ["runtime"],
  ["nn", "optim"],
  ["data", "tokenizers", "metrics", "sample", "environments"],
  ["pretrained"],
  ["generation"],
  ["models"],
  ["train", "play"],
  ["report"],
  ["runs"],
  ["server"],
  ["studio"],
  ["cli"],
];
const generated = "src/lower/onnx_pb.ts";
const mostFileLines = 400;
const mostFunctionLines = 60;

interface Import {
  from: string;
  /** A path from the root for our own files, a package's name or `node:...` otherwise. */
  to: string;
}

const sources = readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })
  .map((name) => `src/${name.split(path.sep).join("/")}`)
  .filter((name) => name.endsWith(".ts"));
const product = sources.filter((name) => !name.endsWith(".test.ts") && !name.includes("/testing/"));
const parsed = new Map(
  sources.map((name) => [name, ts.createSourceFile(name, readFileSync(path.join(root, name), "utf8"), ts.ScriptTarget.ES2023, true)]),
);

/** Every import and re-export that exists at run time, dynamic ones too. */
function valueImports(name: string): Import[] {
  const found: Import[] = [];
  const add = (specifier: ts.Node) => {
    if (!ts.isStringLiteral(specifier)) return;
    const { text } = specifier;
    found.push({ from: name, to: text.startsWith(".") ? path.posix.join(path.posix.dirname(name), text) : text });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && !onlyTypes(node)) add(node.moduleSpecifier);
    if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && !onlyTypes(node)) add(node.moduleSpecifier);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0]);
    ts.forEachChild(node, visit);
  };
  visit(parsed.get(name)!);
  return found;
}

function onlyTypes(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) {
    const names = node.exportClause !== undefined && ts.isNamedExports(node.exportClause) ? node.exportClause.elements : undefined;
    return node.isTypeOnly || (names !== undefined && names.length > 0 && names.every((element) => element.isTypeOnly));
  }
  const clause = node.importClause;
  if (clause === undefined) return false;
  const names = clause.namedBindings !== undefined && ts.isNamedImports(clause.namedBindings) ? clause.namedBindings.elements : undefined;
  return (
    clause.phaseModifier === ts.SyntaxKind.TypeKeyword ||
    (clause.name === undefined && names !== undefined && names.length > 0 && names.every((element) => element.isTypeOnly))
  );
}

function rowOf(name: string): number {
  const folder = name.split("/")[1];
  const row = rows.findIndex((folders) => folders.includes(folder));
  return name === "src/index.ts" ? rows.length : row;
}

/** Whether a file may use what only Node has. */
function nodeOnly(name: string): boolean {
  return /(^|\/)node(\.ts$|\/)|^src\/(cli|runs)\//.test(name);
}

const imports = product.flatMap(valueImports);
const ours = imports.filter(({ to }) => to.startsWith("src/"));
const shown = ({ from, to }: Import) => `${from} -> ${to}`;

describe("the folders", () => {
  it("are read: most files import another", () => {
    expect(ours.length).toBeGreaterThan(product.length);
  });

  it("are all in the order of imports", () => {
    expect(product.filter((name) => rowOf(name) < 0)).toEqual([]);
  });

  it("import values only from lower ones", () => {
    const folder = (name: string) => name.split("/")[1];
    const wrong = ours.filter(({ from, to }) => folder(from) !== folder(to) && rowOf(to) >= rowOf(from));
    expect(wrong.map(shown)).toEqual([]);
  });

  it("import only files that exist, by their .ts names", () => {
    expect(ours.filter(({ to }) => !parsed.has(to)).map(shown)).toEqual([]);
  });

  it("keep Node and native packages to node folders, cli and runs", () => {
    const native = /^(node:|sharp$|koffi$|onnxruntime-node)/;
    expect(imports.filter(({ from, to }) => native.test(to) && !nodeOnly(from)).map(shown)).toEqual([]);
  });

  it("load in a browser where they are not Node's: they import nothing of a node folder", () => {
    expect(ours.filter(({ from, to }) => !nodeOnly(from) && nodeOnly(to)).map(shown)).toEqual([]);
  });

  it("use only packages that package.json lists", () => {
    const { dependencies, peerDependencies } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
    const known = new Set([...Object.keys(dependencies), ...Object.keys(peerDependencies)]);
    const packageOf = (to: string) => (to.startsWith("@") ? to.split("/").slice(0, 2).join("/") : to.split("/")[0]);
    const wrong = imports.filter(({ to }) => !to.startsWith("src/") && !to.startsWith("node:") && !known.has(packageOf(to)));
    expect(wrong.map(shown)).toEqual([]);
  });

  it("do not use test helpers in the product", () => {
    expect(ours.filter(({ to }) => to.includes("/testing/")).map(shown)).toEqual([]);
  });
});

describe("sizes", () => {
  it(`no file is longer than ${mostFileLines} lines`, () => {
    const long = sources.filter((name) => name !== generated).map((name) => ({ name, lines: lineCount(name) }));
    expect(long.filter(({ lines }) => lines > mostFileLines)).toEqual([]);
  });

  it(`no function is longer than ${mostFunctionLines} lines`, () => {
    expect(product.filter((name) => name !== generated).flatMap(longFunctions)).toEqual([]);
  });
});

function lineCount(name: string): number {
  const { text } = parsed.get(name)!;
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

function longFunctions(name: string): string[] {
  const source = parsed.get(name)!;
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && "body" in node && node.body !== undefined) {
      const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line;
      const lines = source.getLineAndCharacterOfPosition(node.end).line - first + 1;
      if (lines > mostFunctionLines) found.push(`${name}, line ${first + 1}: ${lines} lines`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
