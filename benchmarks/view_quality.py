"""Views of layered photos against the real second photo: the evaluation kit's stereo pairs.

    python benchmarks/view_quality.py --evalkit DIR
    python benchmarks/view_quality.py --evalkit DIR --depth pocket tiefenrausch --inpaint pocket

Three tables of medians: with the measured disparity (what layering and hidden content are worth), with an
oracle in the place of the inpainting network (what the layering alone is worth: hidden content is copied from
the real second photo), and with the disparity of networks. Beside ours stand the kit's baselines on the same
disparity: one layer, and two layers whose hidden one is inpainted after Telea. `dis` is the disoccluded
region, `in` what both photos show, `full` the whole frame; `holes` the share of `dis` that nothing covers.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from ldikit.reference.config import LayeringConfig, PipelineConfig
from ldikit.reference.errors import LdikitError
from ldikit.reference.inpaint.protocol import inpaint_networks
from ldikit.reference.layering.soft import Gap
from ldikit.reference.networks import inpaint_network
from ldikit.reference.progress import track
from ldikit.runtime.photo3d.scaled import full_layers
from ldikit.runtime.photo3d.source import Source, from_depth_map, from_reference
from torch import nn
from torch.nn import functional as F

SHOWN = {"psnr_dis": "dis PSNR", "ssim_dis": "dis SSIM", "hole_dis": "dis holes"}
SHOWN |= {"psnr_in": "in PSNR", "psnr_full": "full PSNR"}
ORACLE = "oracle"
# The kit's layers: colour (H, W, 3), alpha and disparity (H, W), front to back.
Layers = list[tuple[np.ndarray, np.ndarray, np.ndarray]]
Method = Callable[[dict], Layers | None]


class OracleFill(nn.Module):
    """Paints what the second photo shows where it shows what the first hides, else as a network does.

    Attributes:
        truth: of the photo at hand: colour (3, H, W), known (H, W), disparity (H, W) in [0, 1].
    """

    truth: tuple[np.ndarray, np.ndarray, np.ndarray]

    def __init__(self, beside: nn.Module, truth: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        super().__init__()
        self.beside, self.truth = beside, truth

    def forward(self, color: torch.Tensor, gap: Gap) -> tuple[torch.Tensor, torch.Tensor]:
        """See `InpaintNetwork`."""
        painted, disparity = self.beside(color, gap)
        height, width = color.shape[-2:]
        planes = [torch.from_numpy(plane).reshape(1, -1, *plane.shape[-2:]) for plane in self.truth]
        planes = [F.pad(p, (0, width - p.shape[-1], 0, height - p.shape[-2])) for p in planes]
        true_color, known, true_disparity = planes
        return painted + known * (true_color - painted), disparity + known * (true_disparity - disparity)


class Kit:
    """The evaluation kit, and our pipelines as its methods: item of the kit → layers."""

    def __init__(self, folder: Path, parallax: float) -> None:
        sys.path.insert(0, str(folder))
        import baselines
        import common
        import novel_view

        self.baselines, self.common, self.views = baselines, common, novel_view
        self.layering = LayeringConfig(max_parallax=parallax)

    def baseline(self, kind: str) -> Method:
        """Return a method of the kit's own, on measured disparity."""
        return lambda item: self.baselines.ldi_baseline(kind, item)

    def with_truth(self, inpaint: str, exact: bool = False) -> Method:
        """Return our layers on measured disparity.

        Args:
            inpaint: the inpainting network.
            exact: reach as far as the second camera stands, instead of the setting.
        """

        def layers(item: dict) -> Layers:
            left, _, measured, *_ = self.views.target(item)
            disparity = self.common.fill_disparity(measured)
            low, high = float(disparity.min()), float(disparity.max())
            reach = (high - low) / max(disparity.shape) if exact else self.layering.max_parallax
            config = PipelineConfig(inpaint=inpaint, layering=LayeringConfig(max_parallax=reach))
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "disparity.npy"
                np.save(file, disparity)
                return _layers(left, from_depth_map(left, file, config, None), low, high)

        return layers

    def with_oracle(self, inpaint: str, exact: bool) -> Method:
        """Return our layers on measured disparity with the real hidden content in them."""
        ours = self.with_truth(ORACLE, exact)

        def layers(item: dict) -> Layers:
            real = self.baselines.ldi_baseline("oracle", item)
            if real is None:  # the second photo's disparity was not measured
                return None
            visible, (color, known, disparity) = real
            low, high = float(visible[2].min()), float(visible[2].max())
            scaled = ((disparity - low) / (high - low)).clip(0.0, 1.0)
            truth = (np.ascontiguousarray(color.transpose(2, 0, 1)), known, scaled.astype(np.float32))
            inpaint_networks._entries[ORACLE] = lambda h, w: OracleFill(inpaint_network(inpaint, h, w), truth)
            return ours(item)

        return layers

    def with_network(self, depth: str, inpaint: str) -> Method:
        """Return our layers on a network's disparity, as `ldikit photo` makes them."""
        config = PipelineConfig(depth=depth, inpaint=inpaint, layering=self.layering)

        def layers(item: dict) -> Layers:
            left = self.views.target(item)[0]
            return _layers(left, from_reference(left, config, None), 0.0, 1.0)

        return layers

    def with_network_baseline(self, kind: str, depth: str) -> Method:
        """Return a baseline's layers on a network's disparity at the photo's size, brought to pixels."""
        ours = self.with_network(depth, "pocket")

        def layers(item: dict) -> Layers:
            color, alpha, disparity = ours(item)[0]
            scale, shift, _ = self.common.fit_affine(disparity, self.views.target(item)[3])
            alpha, pixels = np.ones_like(alpha), (scale * disparity + shift).astype(np.float32)
            hidden = self.baselines.telea_layer(color, pixels) if kind == "telea" else None
            return [(color, alpha, pixels), *([] if hidden is None else [hidden])]

        return layers

    def scores(self, method: Method) -> dict:
        """Return the kit's result; photos without dense measured disparity are left out."""
        return self.views.run(method, gt_depth=True)


def _layers(photo: np.ndarray, source: Source, low: float, high: float) -> Layers:
    """Return layers at the photo's size as `ldikit photo` writes them, disparity from low to high."""
    return [
        (
            layer.color / np.float32(255),
            layer.occupancy / np.float32(255),
            low + np.float32(high - low) * layer.disparity,
        )
        for layer in full_layers(photo, source)
    ]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evalkit", type=Path, required=True, help="folder of the evaluation kit")
    parser.add_argument("--depth", nargs="*", default=["pocket"], help="depth networks")
    parser.add_argument("--inpaint", nargs="*", default=["pocket"], help="inpainting networks")
    parser.add_argument("--parallax", type=float, default=LayeringConfig.max_parallax)
    parser.add_argument("--tables", nargs="*", default=["true", "oracle", "predicted"])
    parser.add_argument("--json", type=Path, help="also write every photo's scores to this file")
    return parser.parse_args(arguments)


def methods(kit: Kit, options: argparse.Namespace) -> dict[str, dict[str, Method]]:
    """Return what stands in each table."""
    true = {name: kit.baseline(kind) for name, kind in (("one layer", "one"), ("two layers, Telea", "telea"))}
    true |= {f"ours, {inpaint}": kit.with_truth(inpaint) for inpaint in options.inpaint}
    oracle: dict[str, Method] = {"the kit's oracle": kit.baseline("oracle")}
    oracle["our layering"] = kit.with_oracle("pocket", exact=False)
    oracle["our layering, parallax of the pair"] = kit.with_oracle("pocket", exact=True)
    predicted: dict[str, Method] = {}
    for depth in options.depth:
        predicted[f"{depth}, one layer"] = kit.with_network_baseline("one", depth)
        predicted[f"{depth}, two layers, Telea"] = kit.with_network_baseline("telea", depth)
        predicted |= {f"{depth}, ours, {i}": kit.with_network(depth, i) for i in options.inpaint}
    tables = {"true": true, "oracle": oracle, "predicted": predicted}
    return {name: tables[name] for name in options.tables}


def main(arguments: list[str] | None = None) -> int:
    """Score, print tables and write; return the exit code."""
    options = parse(arguments)
    found: dict[str, dict[str, dict]] = {}
    try:
        kit = Kit(options.evalkit, options.parallax)
        for table, entries in methods(kit, options).items():
            found[table] = {n: kit.scores(method) for n, method in track(list(entries.items()), table)}
    except LdikitError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for table, rows in found.items():
        print(f"\n| {table} disparity | " + " | ".join(SHOWN.values()) + " |")
        print("|---|" + "---|" * len(SHOWN))
        for label, scores in rows.items():
            row = scores["median_dense_gt"]["dev"]
            print(f"| {label} | " + " | ".join(f"{row[key]:.3f}" for key in SHOWN) + " |")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
