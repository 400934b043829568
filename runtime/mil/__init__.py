"""Core ML without a Mac: evaluates a saved ML Program as a phone would load it.

>>> model = load("photo_to_ldi.mlpackage")            # doctest: +SKIP
>>> model.predict({"photo": photo})["disparity"]      # doctest: +SKIP

`install` lets coremltools' own tools predict with it.
"""

from .engine import SimulatedPredictionWarning, install, uninstall
from .features import Feature
from .model import MilModel, OperationInfo, RunStats, load

__all__ = [
    "Feature",
    "MilModel",
    "OperationInfo",
    "RunStats",
    "SimulatedPredictionWarning",
    "install",
    "load",
    "uninstall",
]
