"""`ldikit build`: export, verify, profile and report in one atomic bundle."""

from dataclasses import dataclass
from pathlib import Path

from ..reference.config import PipelineConfig
from ..reference.files import check_new
from ..reference.sizes import ProgramSize
from ..runtime.bundle import open_bundle
from ..runtime.parity.report import ParityReport
from ..runtime.parity.verify import verify
from ..runtime.profiling.profile import profile
from ..runtime.profiling.report import ProfileReport
from ..runtime.report.report import write_report
from .auto import plan
from .bundle import export_bundle
from .coverage import write_coverage


@dataclass(frozen=True)
class Built:
    """What a build found out about its bundle."""

    folder: Path
    parity: ParityReport
    profile: ProfileReport


def build_bundle(
    config: PipelineConfig,
    destination: Path,
    formats: tuple[str, ...],
    precisions: tuple[str, ...],
    sizes: tuple[ProgramSize, ...],
    photos: list[Path],
    gates: Path | None = None,
    stages: bool = False,
    overwrite: bool = False,
    recipe: Path | None = None,
    calibration: Path | None = None,
) -> Built:
    """Write a complete bundle: models, golden vectors, manifest, parity.json, profile.json, report.html.

    A bundle that fails its gates is written too, with the failure in its report: the caller decides by
    `Built.parity`.

    Args:
        config: the pipeline.
        destination: folder of the bundle.
        formats, precisions, sizes: what to export; precisions as `plan` takes them.
        photos: to verify on.
        gates: file of limits, None for those of the metric spec.
        stages: also export depth, layering and inpainting by themselves.
        overwrite: replace an existing bundle.
        recipe, calibration: see `plan`.

    Raises:
        LdikitError: nothing is written then.
    """
    results: dict[str, object] = {}
    check_new(destination, overwrite)  # before a calibration that takes its time
    planned = plan(config, precisions, recipe, calibration, photos)
    ready = planned.ready

    def check(folder: Path) -> None:
        planned.write_search(folder)
        if ready is not None and "int8" in planned.precisions:
            write_coverage(folder, config, ready.recipe, photos)
        bundle = open_bundle(folder)
        parity = verify(bundle, photos, gates=gates)
        parity.write(folder / "parity.json")
        timing = profile(bundle)
        (folder / "profile.json").write_text(timing.to_json(), encoding="utf-8")
        write_report(folder / "report.html", bundle.manifest, parity, timing)
        results.update(parity=parity, profile=timing)

    export_bundle(
        config,
        destination,
        formats=formats,
        precisions=planned.precisions,
        sizes=sizes,
        stages=stages,
        overwrite=overwrite,
        on_folder=check,
        recipe=None if ready is None else ready.recipe,
        recipe_weights=None if ready is None else ready.weights,
    )
    return Built(destination, results["parity"], results["profile"])  # type: ignore[arg-type]
