"""Which weights a TFLite file of fp16 stores in half precision."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ldikit.export.stages import StageProgram
from ldikit.reference.config import LayeringConfig
from ldikit.reference.inpaint.pocket import PocketInpaint
from ldikit.reference.layering.soft import SoftLayering
from ldikit.reference.program import PhotoToLDI
from ldikit.reference.sizes import ProgramSize
from torch import nn

pytest.importorskip("litert_torch")

SIZE = ProgramSize(64, 96)
THIRD = float(np.float32(1 / 3))
"""Between two values of half precision."""


class TwoConvolutions(nn.Module):
    """A depth network: half precision holds the weights of its first layer, and not those of its second."""

    normalised = True

    def __init__(self) -> None:
        super().__init__()
        self.exact = nn.Conv2d(3, 2, 3, padding=1)
        self.rounded = nn.Conv2d(2, 1, 1)
        with torch.no_grad():
            self.exact.weight.copy_(torch.arange(-27, 27).reshape(2, 3, 3, 3) / 256)
            self.rounded.weight.fill_(THIRD)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.rounded(torch.relu(self.exact(photo))))


@pytest.fixture(scope="module")
def program() -> PhotoToLDI:
    torch.manual_seed(0)
    inpaint = PocketInpaint(SIZE.height, SIZE.width)
    layering = SoftLayering(LayeringConfig(), max(SIZE.height, SIZE.width))
    return PhotoToLDI(TwoConvolutions(), layering, inpaint, 2).eval().requires_grad_(False)


def stored(path: Path) -> dict[str, list[np.ndarray]]:
    """Return the constants of a TFLite file in half and in single precision, flat."""
    from ai_edge_litert import schema_py_generated as schema

    content = path.read_bytes()
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    found: dict[str, list[np.ndarray]] = {"half": [], "single": []}
    types = {
        schema.TensorType.FLOAT16: ("half", np.float16),
        schema.TensorType.FLOAT32: ("single", np.float32),
    }
    for tensor in model.subgraphs[0].tensors:
        buffer = model.buffers[tensor.buffer]
        # ai-edge-quantizer puts larger constants behind the tables.
        data = content[buffer.offset : buffer.offset + buffer.size] if buffer.data is None else buffer.data
        if len(data) and tensor.type in types:
            name, dtype = types[tensor.type]
            found[name].append(np.frombuffer(bytes(data), dtype))
    return found


def export(program: PhotoToLDI, folder: Path, stage: str, pinned: tuple[str, ...] = ()):
    from ldikit.export.tflite_exporter import export_tflite

    path = folder / "half.tflite"
    [converted] = export_tflite(StageProgram(program, stage, SIZE, pinned), {"fp16": path})
    return stored(path), converted


def holds(arrays: list[np.ndarray], weight: torch.Tensor) -> bool:
    wanted = np.sort(weight.numpy(), axis=None)
    return any(
        array.size == wanted.size and np.array_equal(np.sort(array), wanted.astype(array.dtype))
        for array in arrays
    )


def test_depth_weights_are_halved_where_that_changes_none(program: PhotoToLDI, tmp_path: Path) -> None:
    found, converted = export(program, tmp_path, "depth")
    assert holds(found["half"], program.depth.network.exact.weight)
    assert holds(found["single"], program.depth.network.rounded.weight)
    assert not holds(found["half"], program.depth.network.rounded.weight)
    assert "single precision in 1 operations" in {entry.replacement for entry in converted.replacements}


def folded_weights(program: PhotoToLDI) -> dict[str, torch.Tensor]:
    """Return the kernels of the inpainting network as they are exported, by the module that has them."""
    module = StageProgram(program, "inpainting", SIZE).module
    return {
        name.removesuffix(".weight"): tensor
        for name, tensor in module.state_dict().items()
        if tensor.ndim == 4
    }


def test_inpainting_weights_are_halved(program: PhotoToLDI, tmp_path: Path) -> None:
    found, converted = export(program, tmp_path, "inpainting")
    weights = folded_weights(program)
    assert len(weights) > 5
    assert all(holds(found["half"], weight) for weight in weights.values())
    assert not any("single precision" in entry.replacement for entry in converted.replacements)


def test_pinned_modules_stay_single(program: PhotoToLDI, tmp_path: Path) -> None:
    name, weight = next(iter(folded_weights(program).items()))
    found, converted = export(program, tmp_path, "inpainting", (f"inpainting.{name}",))
    assert holds(found["single"], weight)
    assert not holds(found["half"], weight)
    replaced = {entry.replacement for entry in converted.replacements}
    assert f"single precision in inpainting.{name}" in replaced
