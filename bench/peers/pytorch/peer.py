"""PyTorch as a peer of the bench: requests as JSON lines on stdin, answers as JSON lines on stdout (see ../README.md)."""

import gc
import json
import os
import resource
import sys
import time

import torch

from autoencoder_players import AUTOENCODER_PLAYERS
from autoregressive import AUTOREGRESSIVE
from autoencoders import AUTOENCODERS
from diffusion import DIFFUSION, SAMPLING
from energy import ENERGY
from families import FamilyTraining
from features import FEATURES
from ffjord import FFJORD
from flow_pictures import FLOW_PICTURES
from flows import FLOWS, Controller
from gans import GANS
from kernels import KERNELS
from language import LANGUAGE
from networks import Inference, Training
from pictures import PICTURES
from sampling import SAMPLERS, Sampler
from scores import SCORES
from translation import TRANSLATION

FAMILIES = {
    **FEATURES,
    **AUTOENCODERS,
    **AUTOENCODER_PLAYERS,
    **GANS,
    **PICTURES,
    **ENERGY,
    **AUTOREGRESSIVE,
    **LANGUAGE,
    **TRANSLATION,
    **FLOWS,
    **FLOW_PICTURES,
    **FFJORD,
    **DIFFUSION,
    **SCORES,
}
STEP_MODES = ["eager", "fused", "channels_last", "compiled"]
WORKLOADS = {
    "mlp": ["eager", "fused", "compiled"],
    "cnn": STEP_MODES,
    "vae": STEP_MODES,
    "autoencoder": STEP_MODES,
    "cnn-infer": ["eager", "channels_last", "compiled"],
    "cnn-infer-1": ["eager", "channels_last", "compiled"],
    "vae-infer": ["eager", "channels_last", "compiled"],
    **{name: family.modes for name, family in FAMILIES.items()},
    **{name: list(spec.modes) for name, spec in SAMPLERS.items()},
    "controller": ["eager", "compiled"],
    **{name: modes for name, (modes, _) in {**KERNELS, **SAMPLING}.items()},
}


def make(workload, mode):
    """step() -> float for a workload in a mode."""
    if mode not in WORKLOADS.get(workload, []):
        raise ValueError(f"no workload {workload} in mode {mode}")
    if workload in {**KERNELS, **SAMPLING}:
        return {**KERNELS, **SAMPLING}[workload][1](mode)
    if workload in FAMILIES:
        return FamilyTraining(FAMILIES[workload], mode).step
    if workload in SAMPLERS:
        return Sampler(workload, mode).step
    if workload == "controller":
        return Controller(mode).step
    return (Inference if "-infer" in workload else Training)(workload, mode).step


class Peer:
    """Holds the prepared workloads, so that rounds of several can be interleaved."""

    def __init__(self):
        self.prepared = {}

    def prepare(self, request):
        key = (request["prepare"], request["mode"])
        started = time.perf_counter()
        step = make(*key)
        for _ in range(request.get("warmup", 3)):
            step()
        self.prepared[key] = step
        return {"prepared": key[0], "mode": key[1], "ms": (time.perf_counter() - started) * 1e3}

    def steps(self, request):
        key = (request["workload"], request["mode"])
        if key not in self.prepared:
            raise ValueError(f"{key[0]} in mode {key[1]} is not prepared")
        step, times, value = self.prepared[key], [], 0.0
        for _ in range(request["steps"]):
            started = time.perf_counter()
            value = step()
            times.append((time.perf_counter() - started) * 1e3)
        return {"ms": times, "loss": value}

    def check(self, request):
        name, mode, steps = request["check"], request.get("mode", "eager"), range(request["steps"])
        if name in FAMILIES or name in SAMPLERS:
            training = Sampler(name, mode, check=True) if name in SAMPLERS else FamilyTraining(FAMILIES[name], mode, check=True)
            losses = [loss for _ in steps for loss in training.steps()]
        else:
            training = Training(name, mode, check=True)
            losses = [training.step() for _ in steps]
        return {"losses": losses, "parameters": sum(p.numel() for p in training.net.parameters())}

    def footprint(self, request):
        high = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        baseline, started = high(), time.perf_counter()
        step = make(request["footprint"], request["mode"])
        prepared = time.perf_counter()
        step()
        first = time.perf_counter()
        for _ in range(request["steps"] - 1):
            step()
        times = {"prepare_ms": (prepared - started) * 1e3, "first_step_ms": (first - started) * 1e3}
        return {"footprint": {**times, "baseline_mb": baseline, "peak_mb": high()}}

    def answer(self, request):
        if "footprint" in request:
            return self.footprint(request)
        if "prepare" in request:
            return self.prepare(request)
        if "workload" in request:
            return self.steps(request)
        if "check" in request:
            return self.check(request)
        if "release" in request:
            self.prepared.pop((request["release"], request["mode"]), None)
            gc.collect()
            return {"released": request["release"]}
        raise ValueError("a request has one of prepare, workload, check, footprint, release")


def main():
    torch.set_num_threads(int(os.environ.get("BENCH_THREADS", "2")))
    torch.manual_seed(0)
    # Answers own the real stdout; whatever a library prints goes to stderr.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer = Peer()

    def say(message):
        out.write(json.dumps(message) + "\n")
        out.flush()

    modes = list(dict.fromkeys(mode for each in WORKLOADS.values() for mode in each))
    say({"ready": True, "peer": "pytorch", "version": torch.__version__, "modes": modes, "workloads": WORKLOADS})
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            say(peer.answer(json.loads(line)))
        except Exception as error:  # one workload that fails must not end the others
            say({"error": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"})


if __name__ == "__main__":
    main()
