import type { Target } from "../../graph/onnx.ts";
import type { OrtLibrary } from "./ffi.ts";
import type { Handle } from "./ort-api.ts";

/** A device of ONNX Runtime other than the CPU: its execution provider, and how programs and arrays get there. */
export interface Provider {
  /** What `--device` names. */
  readonly device: string;
  /** As the library lists it where it was compiled in. */
  readonly listed: string;
  /** As sessions ask for it. */
  readonly name: string;
  readonly options: Readonly<Record<string, string>>;
  readonly target: Target;
  /** The name of the device's own memory; undefined where the provider works on the host's. */
  readonly memory?: string | undefined;
  /** Whether ops that the device has no kernel for may run on the CPU: each costs a copy there and back. */
  readonly fallback: boolean;
  /** What to do where it is missing. */
  readonly need: string;
}

export const providers: readonly Provider[] = [
  {
    device: "webgpu",
    listed: "WebGpuExecutionProvider",
    name: "WebGPU",
    options: { preferredLayout: "NCHW", enableInt64: "1" },
    target: "webgpu",
    memory: "WebGPU_Buf",
    fallback: false,
    need: "it comes with ONNX Runtime for Linux x64, Apple silicon and Windows, and needs a graphics driver with Vulkan, Metal or Direct3D 12",
  },
  {
    device: "cuda",
    listed: "CUDAExecutionProvider",
    name: "CUDA",
    options: {},
    target: "portable",
    memory: "Cuda",
    fallback: true,
    need:
      "on Linux or Windows x64 with an NVIDIA card, CUDA 12 and cuDNN 9: unpack ONNX Runtime's own GPU build (onnxruntime-linux-x64-gpu or " +
      "onnxruntime-win-x64-gpu, from its releases) and set ATELIER_ORT_LIBRARY to the library in it, its provider libraries beside it",
  },
  {
    device: "coreml",
    listed: "CoreMLExecutionProvider",
    name: "CoreML",
    options: {},
    target: "portable",
    fallback: true,
    need: "it comes with ONNX Runtime for macOS on Apple silicon only",
  },
  {
    device: "dml",
    listed: "DmlExecutionProvider",
    name: "DML",
    options: {},
    target: "portable",
    fallback: true,
    need: "it comes with ONNX Runtime for Windows only, and needs a graphics card with Direct3D 12",
  },
];

/**
 * Let a session that is about to be made run on a device.
 * @throws StatusError where the library was built without the provider, or cannot find the libraries it needs
 */
export function appendProvider({ api, address }: OrtLibrary, options: Handle<"options">, provider: Provider): void {
  if (!provider.fallback) api.addSessionConfig(options, "session.disable_cpu_ep_fallback", "1");
  if (provider.device === "cuda") {
    const cuda = api.createCudaOptions();
    try {
      api.appendCuda(options, cuda);
    } finally {
      api.releaseCudaOptions(cuda);
    }
    return;
  }
  const entries = Object.entries(provider.options);
  const texts = entries.map((pair) => pair.map((text) => new TextEncoder().encode(`${text}\0`)));
  const column = (side: 0 | 1) => BigInt64Array.from([...texts.map((pair) => address(pair[side])), 0n]); // never empty: its address is taken
  api.appendProvider(options, provider.name, column(0), column(1), entries.length);
}
