"""The last operation of a classifier: classify.py of the MIL definitions."""

from typing import Any

import numpy as np
from torch import Tensor

from ...reference.errors import InputError
from .registry import Call, operation


@operation("classify")
def classify(call: Call, probabilities: Tensor, classes: np.ndarray) -> tuple[Any, dict[Any, float]]:
    """The label of the greatest probability, and every label with its probability."""
    labels = classes.reshape(-1).tolist()
    shares = probabilities.reshape(-1).tolist()
    if len(labels) != len(shares) or not labels:
        raise InputError(f"has {len(labels)} labels for {len(shares)} probabilities")
    best = max(range(len(shares)), key=shares.__getitem__)
    return labels[best], dict(zip(labels, shares, strict=True))
