"""One conversion in a process of its own: `python -m ldikit.export.worker TASK.json RESULT.json`.

Converters print and log without being asked, hold gigabytes, and use one core each; a process keeps all of
that away from the caller's. What the process writes to its standard output and error is the caller's to show
or to drop.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..reference.config import LayeringConfig, PipelineConfig
from ..reference.errors import LdikitError
from ..reference.sizes import parse_size
from ..runtime.manifest import ModelFile, Substitution, TensorSpec
from ..runtime.recipe import RECIPE_PRECISIONS
from .protocol import ExportedFile, file_path, offers


@dataclass(frozen=True)
class Task:
    """What one worker does.

    Attributes:
        config: the pipeline.
        size: "HEIGHTxWIDTH".
        format: to convert to.
        precisions: of the files.
        stages: to convert, one after the other.
        bundle: the folder to write into, which holds the golden vectors already, and the recipe where a
            precision needs one.
        pinned: modules that fp16 leaves in single precision (see `fp16_audit`).
    """

    config: PipelineConfig
    size: str
    format: str
    precisions: tuple[str, ...]
    stages: tuple[str, ...]
    bundle: str
    pinned: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return the text that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Task":
        """Read what `to_json` wrote."""
        raw = json.loads(text)
        layering = LayeringConfig(**raw["config"].pop("layering"))
        raw["config"] = PipelineConfig(**raw["config"], layering=layering)
        for name in ("precisions", "stages", "pinned"):
            raw[name] = tuple(raw[name])
        return cls(**raw)


def read_results(raw: list[dict[str, Any]]) -> list[ExportedFile]:
    """Read the exported files out of a worker's result."""
    files = []
    for item in raw:
        entry = dict(item["entry"])
        for side in ("inputs", "outputs"):
            entry[side] = tuple(
                TensorSpec(**{**spec, "shape": tuple(spec["shape"]), "range": tuple(spec["range"])})
                for spec in entry[side]
            )
        entry["not_int8"] = tuple(entry["not_int8"])
        substitutions = tuple(Substitution(**raw_one) for raw_one in item["substitutions"])
        files.append(ExportedFile(ModelFile(**entry), substitutions))
    return files


def convert(task: Task) -> list[ExportedFile]:
    """Convert every stage of a task and return what was written.

    Raises:
        LdikitError: see `export_stage`.
    """
    from dataclasses import replace

    import torch

    from ..reference.pipeline import build_program
    from .convert import export_stage
    from .golden import read_stage
    from .quantisation import Quantisation

    torch.set_num_threads(1)
    size = parse_size(task.size)
    bundle = Path(task.bundle)
    program = build_program(task.config, size.height, size.width)
    quantisation = Quantisation.read(bundle) if set(task.precisions) & set(RECIPE_PRECISIONS) else None
    exported = []
    for stage in task.stages:
        paths = {
            p: file_path(stage, task.size, task.format, p)
            for p in task.precisions
            if offers(task.format, p, stage)
        }
        targets = {precision: bundle / path for precision, path in paths.items()}
        for target in targets.values():
            target.parent.mkdir(parents=True, exist_ok=True)
        golden = read_stage(bundle, size, stage, program.layers)
        files = export_stage(program, stage, size, task.format, targets, golden, quantisation, task.pinned)
        for file in files:
            entry = replace(file.entry, path=paths[file.entry.precision])
            exported.append(ExportedFile(entry, file.substitutions))
    return exported


def main(task_path: Path, result_path: Path) -> None:
    """Do a task and write its result, or the error that stopped it."""
    result: dict[str, Any]
    try:
        files = convert(Task.from_json(task_path.read_text(encoding="utf-8")))
        result = {"files": [asdict(file) for file in files]}
    except LdikitError as error:
        result = {"error": str(error), "exit_code": error.exit_code}
    except OSError as error:
        result = {"error": error.strerror or str(error), "errno": error.errno}
    result_path.write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
