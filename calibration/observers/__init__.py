"""Observers: which range of an activation int8 should span, one way a file.

>>> from ldikit.calibration.observers import observers
>>> list(observers)
['entropy', 'minmax', 'moving_average', 'mse', 'percentile']
"""

from . import entropy, minmax, moving_average, mse, percentile  # noqa: F401 (each registers itself)
from .protocol import Observer, Range, observers

__all__ = ["Observer", "Range", "observers"]
