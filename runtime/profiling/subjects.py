"""What a worker runs: a model file of a bundle, or a stage of its torch reference."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ...reference.errors import BackendUnavailableError
from ...reference.sizes import parse_size
from ..backends.canonical import CANONICAL, to_declared
from ..backends.loader import backend_for, open_runner, unavailable
from ..bundle import open_bundle
from ..manifest import TensorSpec

if TYPE_CHECKING:
    from ...reference.program import PhotoToLDI

SEED = 0


class Subject(Protocol):
    """Something to time; `prepare` imports what it needs, `load` opens it, `run` infers once.

    Attributes:
        backend: name of what runs it.
        simulated: known after `load`.
        threads: it may use; 0 leaves the choice to the runtime.
    """

    backend: str
    simulated: bool
    threads: int

    def prepare(self) -> None:
        """Import the runtime, which no app pays for at this place.

        Raises:
            BackendUnavailableError: it is not here.
        """
        ...

    def load(self) -> None:
        """Open the model."""
        ...

    def run(self) -> object:
        """Run once on fixed inputs."""
        ...


def random_input(spec: TensorSpec) -> np.ndarray:
    """Return an input as a file declares it, with uniform random content, the same every time.

    No operation of these programs takes a time that depends on its content; zeros could be an exception.
    """
    canonical = tuple(spec.shape[spec.layout.index(axis)] for axis in CANONICAL[len(spec.shape)])
    values = np.random.default_rng(SEED).random(canonical, dtype=np.float32)
    return to_declared(values, spec)


class FileSubject:
    """One model file of a bundle, which the parent has checked."""

    def __init__(self, folder: Path, file: str, threads: int) -> None:
        manifest = open_bundle(folder).manifest
        self.entry = next(entry for entry in manifest.files if entry.path == file)
        self.path = folder / file
        self.threads = threads
        self.backend = backend_for(self.entry.format)
        self.simulated = False
        self.inputs = {spec.name: random_input(spec) for spec in self.entry.inputs}

    def prepare(self) -> None:
        """See `Subject`."""
        reason = unavailable(self.backend)
        if reason is not None:
            raise BackendUnavailableError(reason)

    def load(self) -> None:
        """See `Subject`."""
        self.runner = open_runner(self.path, self.entry, self.backend, max(self.threads, 1))
        self.simulated = self.runner.simulated

    def run(self) -> object:
        """See `Subject`."""
        return self.runner.infer(self.inputs)


class TorchSubject:
    """The torch reference of a bundle's manifest, or one stage of it, at one size."""

    backend = "torch"
    simulated = False
    program: "PhotoToLDI"

    def __init__(self, folder: Path, stage: str, size: str, threads: int) -> None:
        self.config = open_bundle(folder).manifest.pipeline_at(folder)
        parsed = parse_size(size)
        self.size = (parsed.height, parsed.width)
        self.stage = stage
        self.threads = threads

    def prepare(self) -> None:
        """See `Subject`."""
        import torch

        torch.set_num_threads(self.threads)

    def load(self) -> None:
        """See `Subject`."""
        import torch

        from ...reference.pipeline import build_program

        self.program = build_program(self.config, *self.size)
        module = self.program if self.stage == "program" else getattr(self.program, self.stage)
        # Photo or colour; then as many planes as the stage takes.
        channels = {"program": (3,), "depth": (3,), "layering": (1,), "inpainting": (3, *[1] * 6)}
        generator = torch.Generator().manual_seed(SEED)
        feeds = [torch.rand(1, c, *self.size, generator=generator) for c in channels[self.stage]]

        def run() -> object:
            with torch.inference_mode():
                return module(*feeds)

        self._run = run

    def run(self) -> object:
        """See `Subject`."""
        return self._run()
