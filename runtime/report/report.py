"""report.html: one page that needs no network, the verdicts on top."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ...reference.files import atomic_file
from ..manifest import Manifest
from ..parity.aggregate import higher_is_better
from ..parity.result import FAIL, METRIC_SPEC, NOT_VERIFIED, PASS, CandidateResult, GateResult
from ..parity.scores import MOST_DB
from ..profiling.host import this_host
from .beside import Beside, read_beside
from .budget import budget_rows
from .gain import WORTHWHILE, gains
from .pareto import scatters
from .precisions import file_precisions

if TYPE_CHECKING:
    from ..parity.report import ParityReport
    from ..profiling.report import ProfileReport

METRIC_NAMES = {
    "nonfinite": "not finite",
    "ldi.order_violations": "order violations",
    "recipe_scales": "scales not the recipe's",
    "conversion.p99_abs": "operations, unrounded error",
    "ldi.gap_iou": "gap IoU",
    "views.psnr": "view PSNR (dB)",
    "views.psnr_disoccluded": "disoccluded PSNR (dB)",
    "views.flip": "ꟻLIP",
    "tensors.disparity.p99_abs": "disparity, 99 % within",
    "tensors.color.p99_abs": "colour, 99 % within",
}
STAGE_WORDS = {
    "input": "how the photo enters",
    "depth": "the depth network",
    "layering": "the layering",
    "inpainting": "the inpainting",
}


def write_report(
    path: Path,
    manifest: Manifest,
    parity: "ParityReport",
    profile: "ProfileReport | None" = None,
    charts: Sequence[tuple[str, str]] | None = None,
    folder: Path | None = None,
) -> None:
    """Write report.html, whole or not at all, over an older one.

    Args:
        path: of the page.
        manifest: of the bundle.
        parity: from `verify`; without evidence the page has no pictures.
        profile: of the bundle, if it was measured.
        charts: (title, HTML fragment) of the profile; None takes those of `profiling.charts`.
        folder: of the bundle, whose recipe, coverage and search are told of; None for the page's own.

    Raises:
        InputError: it cannot be written, or a file that it tells of is damaged.
    """
    if charts is None:
        charts = []
        if profile is not None:
            from ..profiling.charts import charts as draw

            charts = draw(profile)
    beside = read_beside(Path(path).parent if folder is None else folder, manifest)
    text = render_report(manifest, parity, profile, charts, beside)
    with atomic_file(Path(path), overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def render_report(
    manifest: Manifest,
    parity: "ParityReport",
    profile: "ProfileReport | None",
    charts: Sequence[tuple[str, str]],
    beside: Beside | None = None,
) -> str:
    """Return the page; see `write_report`. Only chart fragments go in as they are, all else is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        num=number,
        metric=lambda name: METRIC_NAMES.get(name, name),
        limit=limit_text,
        words=lambda verdict: verdict.replace("_", " "),
        photo=_photo_name(parity.photos),
    )
    evidence = parity.evidence or (None,) * len(parity.candidates)
    rows = [_row(candidate, shown) for candidate, shown in zip(parity.candidates, evidence, strict=True)]
    verdict, headline = summary(parity.candidates)
    return environment.get_template("report.html.jinja").render(
        manifest=manifest,
        photos=parity.photos,
        verdict=verdict,
        headline=headline,
        metrics=sorted({g.name: None for c in parity.candidates for g in c.gates}, key=_is_of_tensors),
        rows=rows,
        simulated=any(candidate.simulated for candidate in parity.candidates),
        warnings=parity.warnings,
        precisions=file_precisions(manifest),
        beside=beside or Beside(),
        scatters=scatters(beside.search) if beside else [],
        profile=profile,
        gains=gains(manifest, profile),
        worthwhile=WORTHWHILE,
        charts=[(title, Markup(fragment)) for title, fragment in charts],
        host=this_host(),
        metric_spec=METRIC_SPEC,
    )


def _is_of_tensors(metric: str) -> bool:
    """Put what a viewer sees before what only tensors show: a wide table is cut off at its right."""
    return metric.startswith(("tensors.", "conversion.", "recipe_"))


def summary(candidates: Sequence[CandidateResult]) -> tuple[str, str]:
    """Return the verdict over all candidates and the sentence that says it."""
    counts = {name: sum(c.verdict == name for c in candidates) for name in (PASS, FAIL, NOT_VERIFIED)}
    total = len(candidates)
    parts = [f"{counts[PASS]} of {total} pass"]
    parts += [f"{counts[FAIL]} fail{'s' if counts[FAIL] == 1 else ''}"] if counts[FAIL] else []
    parts += [f"{counts[NOT_VERIFIED]} not verified"] if counts[NOT_VERIFIED] else []
    if not total:
        return NOT_VERIFIED, "Nothing was verified."
    if counts[PASS] == total:
        return PASS, f"All {total} candidates pass every gate." if total > 1 else "It passes every gate."
    return (FAIL if counts[FAIL] else NOT_VERIFIED), ", ".join(parts) + "."


def number(value: Any) -> str:
    """Write a number for people: four significant digits, `–` for not measured, words for the ends."""
    if value is None:
        return "–"
    value = float(value)
    if not math.isfinite(value):
        return "not finite"
    if value >= MOST_DB:
        return "equal"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    if abs(value) < 1e-3:
        return f"{value:.2e}"
    return f"{value:.5f}" if 0.9 < value < 1 else f"{value:.4g}"


def limit_text(gate: GateResult) -> str:
    """Write a gate's limit with the side on which values must lie."""
    return f"{'≥' if higher_is_better(gate.name) else '≤'} {gate.limit:g}"


def _photo_name(photos: Sequence[str]) -> Callable[[int | None], str]:
    def name(index: int | None) -> str:
        if index is None:
            return "–"
        return photos[index] if index < len(photos) else f"photo {index}"

    return name


def _row(candidate: CandidateResult, evidence: Any) -> dict[str, Any]:
    return {
        "name": f"{candidate.format} {candidate.precision}",
        "candidate": candidate,
        "gates": {gate.name: gate for gate in candidate.gates},
        "evidence": evidence,
        "finding": finding(candidate.stages),
        "budget": budget_rows(candidate.error_budget),
    }


def finding(stages: Mapping[str, Mapping[str, Any]]) -> str:
    """Say in a sentence which stage causes the error, and whether it made it or passed it on."""
    if not stages:
        return ""
    for name, stage in stages.items():
        if not stage["cause"]:
            continue
        out = f"{number(stage['made'])} of mean change made here, {number(stage['passed_on'])} passed on"
        return f"{stage['share']:.0%} of the view error comes from {STAGE_WORDS.get(name, name)}: {out}."
    return "No stage is to blame: the views are equal to 100 dB and more."
