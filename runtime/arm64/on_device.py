"""`profile --adb`: the same guest script and runtimes on an attached phone's own processor."""

import json
import os
import shlex
import tarfile
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from ...reference.errors import InputError
from ..backends.protocol import BACKEND_OF_FORMAT
from ..bundle import Bundle
from ..manifest import ModelFile
from ..profiling.host import Host, parse_cpuinfo
from ..profiling.per_operation import Operations
from ..profiling.report import Candidate, ProfileReport, Run
from ..profiling.subjects import random_input
from ..profiling.timing import DRIFT_SHARE, FEWEST_ROUNDS, find_drift, interleave, summarise
from .adb import FOLDER, Device, attached
from .cache import Cache, open_cache
from .checksum import sha256_of
from .cpus import RUNTIMES
from .guest import LIMIT_S, SCRIPT, Guest

# What the loader of the root is called with: its libraries come first, never Android's own.
_LIBRARIES = ("lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu")
_LOADER = "lib/ld-linux-aarch64.so.1"


class DeviceGuest(Guest):
    """The guest script in the device's own Linux, started by the root's own loader.

    Args:
        device: it runs on.
        cache: whose root lies on the device.
        entry: the file's; its path on the device is `model`.
        model: see `entry`.
        threads: of the runtime.
    """

    def __init__(self, device: Device, cache: Cache, entry: ModelFile, model: str, threads: int) -> None:
        runtime = BACKEND_OF_FORMAT[entry.format]
        inputs, outputs = ([spec.name for spec in side] for side in (entry.inputs, entry.outputs))
        settings = {
            "runtime": runtime,
            "model": model,
            "inputs": inputs,
            "outputs": outputs,
            "threads": threads,
        }
        root = f"{FOLDER}/root"
        variables = {
            "PYTHONHOME": f"{root}/usr",
            "PYTHONPATH": f"{FOLDER}/site",
            "PYTHONUTF8": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": str(threads),
        }
        words = [*(f"{name}={value}" for name, value in variables.items()), f"{root}/{_LOADER}"]
        words += ["--library-path", ":".join(f"{root}/{part}" for part in _LIBRARIES)]
        words += [f"{root}/{cache.python}", "-s", "-S", "-P", f"{FOLDER}/{SCRIPT.name}", json.dumps(settings)]
        command = device.command(f"exec env {shlex.join(words)}")
        # adb finds its keys and its server by the environment.
        self._prepare(f"{runtime} on {device.serial}", command, inputs, outputs, LIMIT_S, os.environ)


def profile_device(bundle: Bundle, budget_s: float = 45.0, threads: int = 1) -> ProfileReport:
    """Measure every ONNX and TFLite program of a bundle's first size on the attached device's processor.

    Args:
        bundle: an open bundle.
        budget_s: seconds of timing, all files in turn.
        threads: of the runtimes.

    Raises:
        BackendUnavailableError: no adb, no device, no ARM64 root, or the device cannot run it.
        InputError: a file is not the manifest's, the device is no ARM64 one, or has no room.
    """
    device = attached()
    cache = open_cache()
    size = bundle.manifest.sizes[0]
    entries = [
        entry
        for entry in bundle.files("program", size=size)
        if RUNTIMES.get(BACKEND_OF_FORMAT[entry.format]) in cache.wheels
    ]
    if not entries:
        raise InputError(f"{bundle.folder} has no ONNX or TFLite program to run on a device")
    start = time.monotonic()
    properties = device.properties()
    abi = properties.get("ro.product.cpu.abi", "")
    if abi != "arm64-v8a":
        raise InputError(f"{device.serial} runs {abi or 'no known'} programs, the root is for arm64-v8a")
    before = device.state()
    push_root(device, cache)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ldikit-adb-")))
        guests = {}
        for index, entry in enumerate(entries):
            model, given = f"{FOLDER}/model-{index}.{entry.format}", f"{FOLDER}/in-{index}.npz"
            device.push(bundle.path(entry), model)
            inputs = {str(i): random_input(spec) for i, spec in enumerate(entry.inputs)}
            np.savez(scratch / "in.npz", **inputs)  # type: ignore[arg-type]
            device.push(scratch / "in.npz", given)
            guest = stack.enter_context(DeviceGuest(device, cache, entry, model, threads))
            guest.start()
            guests[f"{entry.format} {entry.precision}"] = guest, guest.ask({"in": given}), entry
        samples = interleave({name: _timed(guest) for name, (guest, _, _) in guests.items()}, budget_s)
        after = device.state()
        candidates = tuple(
            _candidate(name, entry, guest.told, first, samples[name], threads)
            for name, (guest, first, entry) in guests.items()
        )
    notes = ["Kernels of the processor: no GPU, no neural accelerator."]
    if (after.thermal_status or 0) > (before.thermal_status or 0):
        notes.append(f"The device grew hot: thermal status {before.thermal_status} → {after.thermal_status}.")
    return ProfileReport(
        host=device_host(device, properties, cache),
        pipeline=bundle.manifest.pipeline.name,
        sizes=(size,),
        candidates=candidates,
        macs={},
        settings={
            "budget_s": budget_s,
            "took_s": round(time.monotonic() - start, 1),
            "rounds": max(len(values) for values in samples.values()),
            "fewest_rounds": FEWEST_ROUNDS,
            "threads": [threads],
            "drift_share": DRIFT_SHARE,
            "inputs": "uniform random, fixed seed",
            "device": {"before": before.to_json(), "after": after.to_json()},
        },
        notes=tuple(notes),
    )


def _timed(guest: Guest) -> Callable[[], float]:
    return lambda: float(guest.ask({})["ms"])


def push_root(device: Device, cache: Cache) -> None:
    """Copy the root, the modules and the guest script, unless the same ones are there.

    Raises:
        InputError: they cannot be written there.
        BackendUnavailableError: the device is gone.
    """
    stamp = f"{sha256_of(SCRIPT)[:16]} {json.dumps(cache.checksums, sort_keys=True)}"
    mark = f"{FOLDER}/complete"
    if device.shell(f"cat {mark} 2>/dev/null || true").strip() == stamp:
        return
    device.shell(f"rm -rf {FOLDER} && mkdir -p {FOLDER}")
    with tempfile.TemporaryDirectory(prefix="ldikit-adb-") as scratch:
        # adb follows links where it copies folders; tar keeps them.
        packed = Path(scratch) / "root.tar"
        with tarfile.open(packed, "w") as archive:
            archive.add(cache.root, "root")
            archive.add(cache.site, "site")
            archive.add(SCRIPT, SCRIPT.name)
        device.push(packed, f"{FOLDER}/root.tar")
    device.shell(f"cd {FOLDER} && tar -xf root.tar && rm root.tar && echo {shlex.quote(stamp)} > {mark}")


def device_host(device: Device, properties: dict[str, str], cache: Cache) -> Host:
    """Describe a device, without its serial number."""
    cpuinfo = device.shell("cat /proc/cpuinfo")
    total = [line.split()[1] for line in device.shell("cat /proc/meminfo").splitlines() if "MemTotal" in line]
    cores = cpuinfo.count("processor\t") or 1
    model = " ".join(properties.get(f"ro.{name}", "") for name in ("product.model", "soc.model")).strip()
    return Host(
        cpu=f"{model}, {parse_cpuinfo(cpuinfo)}",
        architecture="arm64",
        physical_cores=cores,
        logical_cores=cores,
        usable_cores=cores,
        memory_gib=round(int(total[0]) / (1 << 20), 1) if total else 0.0,
        system="Android",
        release=properties.get("ro.build.version.release", ""),
        python=cache.python.rpartition("python")[2],
        versions=dict(cache.wheels),
    )


def _candidate(
    name: str,
    entry: ModelFile,
    told: dict[str, Any],
    first: dict[str, Any],
    samples: list[float],
    threads: int,
) -> Candidate:
    run = Run(
        threads=threads,
        load_ms=told["load_ms"],
        first_inference_ms=first["ms"],
        latency=summarise(samples),
        drift=find_drift(samples),
        peak_memory_bytes=first["peak_memory_bytes"],
        baseline_memory_bytes=told["baseline_memory_bytes"],
    )
    return Candidate(
        name,
        entry.format,
        entry.precision,
        BACKEND_OF_FORMAT[entry.format],
        "program",
        entry.size,
        1,
        file=entry.path,
        file_bytes=entry.bytes,
        runs=(run,),
        operations=Operations(False, "not traced on a device"),
    )
