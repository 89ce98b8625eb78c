// Writes docs/parity.md: how far every op, layer and function is from PyTorch, from finite differences, and from the interpreter on each target.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gradients } from "../src/autodiff/gradient.ts";
import type { Target } from "../src/graph/onnx.ts";
import type { Example, OpRecord } from "../src/graph/op.ts";
import { ops } from "../src/graph/ops/index.ts";
import type { Tensor } from "../src/graph/tensor.ts";
import type { Backend } from "../src/runtime/backend.ts";
import { openBackend } from "../src/runtime/node/open.ts";
import { gradientError, probe, weightedSum } from "../src/runtime/testing/check.ts";
import { disagreement } from "../src/runtime/testing/disagreement.ts";
import type { ParityRecord } from "../tests/golden/record.ts";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");

/** The largest errors of one thing against PyTorch, on the CPU runtime. */
interface Golden {
  cases: Set<string>;
  value?: number;
  gradient?: number;
}

const worst = (a: number | undefined, b: number): number => Math.max(a ?? 0, b);

/** Run the tests against the stored slices of PyTorch, and collect how far off each comparison was, by the first word of what it was told as. */
function goldenErrors(): Map<string, Golden> {
  const folder = mkdtempSync(path.join(tmpdir(), "atelier-parity-"));
  try {
    const file = path.join(folder, "records.jsonl");
    writeFileSync(file, "");
    const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
    const args = [vitest, "run", "tests/golden", "--coverage.enabled=false", "--reporter=dot"];
    const tests = spawnSync(process.execPath, args, { cwd: root, env: { ...process.env, PARITY_RECORD: file }, encoding: "utf8" });
    if (tests.status !== 0) throw new Error(`the tests against PyTorch fail:\n${tests.stdout}${tests.stderr}`);
    const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
    return byName(lines.map((line) => JSON.parse(line) as ParityRecord));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Of `what`: the name up to the first blank, comma, bracket or brace; the case up to the part; the part; the evaluator. */
function byName(records: readonly ParityRecord[]): Map<string, Golden> {
  const found = new Map<string, Golden>();
  for (const { what, error } of records) {
    const match = /^([\w.]+)(.*?), ((?:output|gradient|step|\w+)[^,]*), runtime$/.exec(what);
    if (match === null) continue;
    const [, name, rest, part] = match;
    const golden: Golden = found.get(name) ?? { cases: new Set() };
    golden.cases.add(rest);
    if (part.startsWith("gradient")) golden.gradient = worst(golden.gradient, error);
    else golden.value = worst(golden.value, error);
    found.set(name, golden);
  }
  return found;
}

/** The largest errors of an op over its examples, without PyTorch. */
interface Own {
  examples: number;
  targets: Record<string, number>;
  first?: number;
  second?: number;
}

const targets: readonly Target[] = ["cpu", "portable"];

async function ownErrors(backend: Backend, op: OpRecord): Promise<Own> {
  const own: Own = { examples: op.examples.length, targets: {} };
  for (const example of op.examples as readonly Example<never>[]) {
    const { outputs, inputs, total, feeds } = probe(op, example);
    const wanted: Tensor[] = [...outputs];
    if (typeof op.gradient === "function" && inputs.length > 0) {
      own.first = worst(own.first, gradientError(total, inputs, feeds));
      const first = gradients(total.mul(total), inputs);
      const again = weightedSum(first, 23);
      own.second = worst(own.second, gradientError(again, inputs, feeds));
      wanted.push(...first, ...gradients(again, inputs));
    }
    for (const target of targets) own.targets[target] = worst(own.targets[target], await disagreement(backend, wanted, feeds, target));
  }
  return own;
}

const number = (error: number | undefined): string => (error === undefined ? "-" : error === 0 ? "0" : error.toExponential(0));

async function opRows(golden: ReadonlyMap<string, Golden>): Promise<string[]> {
  const backend = await openBackend();
  const rows: string[] = [];
  for (const [name, op] of Object.entries(ops)) {
    const own = await ownErrors(backend, op);
    const torch = golden.get(name);
    const note = typeof op.gradient === "function" ? "" : op.gradient.because;
    const numbers = [torch?.value, note === "" ? torch?.gradient : undefined, own.first, own.second, own.targets.cpu, own.targets.portable];
    rows.push(`| \`${name}\` | ${own.examples} | ${numbers.map(number).join(" | ")} | ${note} |`);
  }
  return rows;
}

function otherRows(golden: ReadonlyMap<string, Golden>): string[] {
  return [...golden]
    .filter(([name]) => !Object.hasOwn(ops, name))
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, { cases, value, gradient }]) => `| \`${name}\` | ${cases.size} | ${number(value)} | ${number(gradient)} |`);
}

function page(torch: string, opLines: readonly string[], otherLines: readonly string[]): string {
  return `# Parity

Made by \`npm run parity\` from the registry of ops and the stored slices of PyTorch ${torch} (\`tests/golden\`). Each number is the largest error found, relative to the largest entry of what is compared;
where the tests demand a bound it is 1e-5 against PyTorch and between runtime and interpreter, 2e-6 and 2e-5 against finite differences of the value and of the gradient.

## Ops

*PyTorch* compares the CPU runtime in float32 with PyTorch in float32. *Finite differences* compares derivatives in the float64 interpreter with central differences. *Targets* compares the runtime's values, first and
second derivatives with the interpreter's, lowered for the CPU and to standard ONNX operators only.

| op | examples | PyTorch: value | PyTorch: gradient | finite differences: gradient | finite differences: second derivative | target cpu | target portable | no gradient because |
|---|---|---|---|---|---|---|---|---|
${opLines.join("\n")}

## Layers, functions and optimizers

| name | cases | PyTorch: value | PyTorch: gradient |
|---|---|---|---|
${otherLines.join("\n")}
`;
}

const golden = goldenErrors();
const { torch } = JSON.parse(readFileSync(path.join(root, "tests", "golden", "data", "ops.json"), "utf8")) as { torch: string };
const file = path.join(root, "docs", "parity.md");
writeFileSync(file, page(torch, await opRows(golden), otherRows(golden)));
console.log(`${golden.size} things compared with PyTorch ${torch}, ${Object.keys(ops).length} ops: ${file}`);
