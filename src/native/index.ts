import type { KernelRequest, KernelSource } from "../graph/onnx.ts";
import { type ConvSizes, convFilterPlan, convInputPlan, convPlan } from "./conv.ts";
import { fusedPlan } from "./fused.ts";
import { assembleKernel, type KernelCode, type KernelPlan } from "./kernel.ts";
import { recurrencePlan } from "./recurrence.ts";
import type { RecurrenceSettings } from "./recurrence-layout.ts";
import type { FusedSettings } from "./round.ts";
import { vectorOps } from "./vector-ops.ts";
import { NoKernel } from "./x64.ts";

export { type KernelCode, runtimeFunctions } from "./kernel.ts";

/** Every kernel by the name that lowerings ask for it with: a plan for the given sizes, or undefined where the portable form is better. */
const plans: Readonly<Record<string, (settings: never, threads: number) => KernelPlan | undefined>> = {
  conv: ({ bias, ...sizes }: ConvSizes & { bias: boolean }, threads) => convPlan(sizes, bias, threads),
  convInput: (sizes: ConvSizes, threads) => convInputPlan(sizes, threads),
  convFilter: (sizes: ConvSizes, threads) => convFilterPlan(sizes, threads),
  fused: (settings: FusedSettings, threads) => fusedPlan(settings, threads),
  recurrence: (settings: RecurrenceSettings, threads) => recurrencePlan(settings, threads),
};

const elementwise = new Set(Object.keys(vectorOps));
const made = new Map<string, KernelCode | undefined>();

/** JSON has no infinities and one zero only; as constants in code they differ. */
const exactly = (_key: string, value: unknown): unknown =>
  typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0)) ? `number ${Object.is(value, -0) ? "-0" : value}` : value;

/** The kernels of one program: finds them while its graph is lowered, and remembers which ones its session needs. */
export class KernelSet implements KernelSource {
  readonly elementwise: ReadonlySet<string> = elementwise;
  readonly codes = new Map<string, KernelCode>();
  readonly #threads: number;

  /** @param threads that will share the work; the code depends on their number, results of convolutions and sums do not (docs/engine-facts.md, 16) */
  constructor(threads: number) {
    this.#threads = threads;
  }

  get heavy(): boolean {
    return [...this.codes.keys()].some((name) => !name.startsWith("fused"));
  }

  find({ kernel, settings }: KernelRequest): KernelCode | undefined {
    const key = `${kernel} ${this.#threads} ${JSON.stringify(settings, exactly)}`;
    if (!made.has(key)) {
      made.set(
        key,
        make(`${kernel}_${made.size}`, () => plans[kernel]?.(settings as never, this.#threads)),
      );
    }
    const code = made.get(key);
    if (code !== undefined) this.codes.set(code.name, code);
    return code;
  }
}

/** The code of a plan; undefined where there is none, or none that fits into registers and 32-bit distances. */
function make(name: string, plan: () => KernelPlan | undefined): KernelCode | undefined {
  try {
    const made = plan();
    return made === undefined ? undefined : assembleKernel(name, made);
  } catch (error) {
    if (error instanceof NoKernel) return undefined;
    throw error;
  }
}
