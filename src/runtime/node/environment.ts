import { kernelDomain } from "../../lower/emitter.ts";
import type { OutsideWeight } from "../../lower/outside-weights.ts";
import { type OrtLibrary, openLibrary, refusal, StatusError } from "./ffi.ts";
import type { Handle } from "./ort-api.ts";
import { appendProvider, type Provider } from "./providers.ts";
import { type ThreadOptions, threadOptions } from "./threads.ts";

/** OrtLoggingLevel: errors come back as statuses, so nothing needs printing (fatal only). */
const logFatal = 4;
/** OrtAllocatorType and OrtMemType of plain host memory. */
const deviceAllocator = 0;
const defaultMemory = 0;

/** ONNX Runtime's one environment of this process: the thread pool that every session shares, and host memory. */
export interface Environment {
  readonly library: OrtLibrary;
  readonly handle: Handle<"env">;
  readonly allocator: Handle<"allocator">;
  readonly memoryInfo: Handle<"memoryInfo">;
  readonly threading: ThreadOptions;
  /** The execution providers compiled into the library, such as `CPUExecutionProvider`. */
  readonly providers: readonly string[];
  /**
   * False once a session was refused because somebody else made the process's environment first, without a shared pool: then each
   * session gets its own threads, which stop spinning after a run so that they do not starve the next session.
   */
  sharedPool: boolean;
}

const environments = new Map<string, Environment>();

/**
 * The process's environment over the library at `path`: made at the first call and never released. Thread options are read then.
 * @throws RuntimeError when the library cannot be loaded, UsageError for bad thread options.
 */
export function openEnvironment(path: string): Environment {
  let environment = environments.get(path);
  if (environment === undefined) {
    environment = createEnvironment(openLibrary(path), threadOptions());
    environments.set(path, environment);
  }
  return environment;
}

export interface SessionSettings {
  name: string;
  optimize: "none" | "all";
  /** Our own operators' descriptions in memory. */
  operators?: readonly bigint[] | undefined;
  /** Weights that the model does not hold. */
  weights?: Readonly<Record<string, OutsideWeight>> | undefined;
  /** Where the profile goes: the runtime appends the time and `.json`. */
  profilePrefix?: string | undefined;
  /** Where the program runs; the CPU unless told. */
  provider?: Provider | undefined;
}

/**
 * Make a session from the bytes of an ONNX model, without blocking the event loop.
 * @throws RuntimeError when the runtime refuses the model.
 */
export async function createSession(environment: Environment, model: Uint8Array, settings: SessionSettings): Promise<Handle<"session">> {
  const shared = environment.sharedPool;
  try {
    return await tryCreateSession(environment, model, settings);
  } catch (error) {
    const poolMissing = error instanceof StatusError && error.message.includes("CreateEnvWithGlobalThreadPools");
    if (!poolMissing || !shared) throw refusal("ONNX Runtime refused a model.", settings.name, error);
  }
  environment.sharedPool = false;
  return createSession(environment, model, settings);
}

async function tryCreateSession(environment: Environment, model: Uint8Array, settings: SessionSettings): Promise<Handle<"session">> {
  const { api } = environment.library;
  const options = api.createSessionOptions();
  try {
    api.setGraphOptimizationLevel(options, settings.optimize === "all" ? 99 : 0);
    // A block planned from the first run would come on top of what that run has taken from the arena, and is no faster.
    api.disableMemoryPattern(options);
    api.setLogId(options, settings.name);
    api.setLogSeverity(options, logFatal);
    if (settings.profilePrefix !== undefined) api.enableProfiling(options, settings.profilePrefix);
    if (environment.sharedPool) {
      api.disablePerSessionThreads(options);
    } else {
      api.setIntraOpThreads(options, environment.threading.threads);
      api.addSessionConfig(options, "session.force_spinning_stop", "1");
      if (!environment.threading.spin) api.addSessionConfig(options, "session.intra_op.allow_spinning", "0");
    }
    addOperators(environment.library, options, settings.operators ?? []);
    addWeights(environment, options, settings.weights ?? {});
    if (settings.provider !== undefined) {
      appendProvider(environment.library, options, settings.provider);
      return api.createSessionFromArray(environment.handle, model, model.byteLength, options); // a device takes calls of one thread only
    }
    return await api.createSessionFromArray.async(environment.handle, model, model.byteLength, options);
  } finally {
    api.releaseSessionOptions(options);
  }
}

/** The runtime keeps the descriptions as long as the session: they, and the small object that lists them, stay for the life of the process. */
function addOperators({ api }: OrtLibrary, options: Handle<"options">, operators: readonly bigint[]): void {
  if (operators.length === 0) return;
  const domain = api.createCustomOpDomain(kernelDomain);
  for (const operator of operators) api.addCustomOp(domain, operator);
  api.addCustomOpDomain(options, domain);
}

/** Name the weights' places in memory: the runtime copies them while it makes the session. */
function addWeights(
  { library, memoryInfo }: Environment,
  options: Handle<"options">,
  weights: Readonly<Record<string, OutsideWeight>>,
): void {
  const { api, address } = library;
  const names = Object.keys(weights).map((name) => Buffer.from(`${name}\0`));
  if (names.length === 0) return;
  const values = Object.values(weights).map(({ type, shape, bytes }) =>
    api.createTensor(memoryInfo, address(bytes), bytes.byteLength, BigInt64Array.from(shape, BigInt), shape.length, type),
  );
  try {
    api.addExternalInitializers(options, BigInt64Array.from(names, address), BigInt64Array.from(values), names.length);
  } finally {
    for (const value of values) api.releaseValue(value);
  }
}

function createEnvironment(library: OrtLibrary, threading: ThreadOptions): Environment {
  const { api } = library;
  try {
    const options = api.createThreadingOptions();
    api.setGlobalIntraOpThreads(options, threading.threads);
    api.setGlobalInterOpThreads(options, 1);
    api.setGlobalSpinControl(options, threading.spin ? 1 : 0);
    const handle = api.createEnvWithGlobalThreadPools(logFatal, "atelier", options);
    api.releaseThreadingOptions(options);
    return {
      library,
      handle,
      allocator: api.defaultAllocator(),
      memoryInfo: api.createCpuMemoryInfo(deviceAllocator, defaultMemory),
      threading,
      providers: readProviders(library),
      sharedPool: true,
    };
  } catch (error) {
    throw refusal("ONNX Runtime's environment could not be made.", library.path, error);
  }
}

function readProviders(library: OrtLibrary): string[] {
  const [names, count] = library.api.availableProviders();
  const providers = library.readTexts(names, count);
  library.api.releaseAvailableProviders(names, count);
  return providers;
}
