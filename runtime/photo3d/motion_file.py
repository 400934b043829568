"""Keyframes of a camera motion from a JSON file.

`{"version": 1, "keyframes": [{"time": 0, "x": 0, "y": 0, "zoom": 1, "focus": 0.5}, …]}`: time in seconds,
rising from 0; x to the right and y downwards in percent of the picture's width; zoom from 1; focus the
disparity that stays in place (0 far, 1 near), 0.5 where it is left out.
"""

import json
import math
from pathlib import Path
from typing import Any

from ...reference.errors import InputError
from .motion import LONGEST_SECONDS, Keyframe

VERSION = 1
NEEDED, OPTIONAL = ("time", "x", "y", "zoom"), ("focus",)
LIMITS = {
    "time": (0.0, LONGEST_SECONDS),
    "x": (-100.0, 100.0),
    "y": (-100.0, 100.0),
    "zoom": (1.0, 4.0),
    "focus": (0.0, 1.0),
}
MOST_KEYFRAMES = 1000
_MAX_BYTES = 1 << 20


def read_keyframes(path: Path) -> tuple[Keyframe, ...]:
    """Read keyframes.

    Raises:
        InputError: the file is missing or no such JSON, a key is missing, unknown or no number in its range,
            the times do not rise from 0, or there are fewer than 2 keyframes.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"{path} is {path.stat().st_size} bytes long: it is no camera motion")
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the motion {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise InputError(f'{path} is no camera motion: it must be {{"version": {VERSION}, "keyframes": […]}}')
    listed = document.get("keyframes")
    if not isinstance(listed, list) or not 2 <= len(listed) <= MOST_KEYFRAMES:
        raise InputError(f"{path}: 'keyframes' must be a list of 2 to {MOST_KEYFRAMES} keyframes")
    keyframes = tuple(_keyframe(entry, f"{path}: keyframe {i}") for i, entry in enumerate(listed))
    if keyframes[0].time != 0:
        raise InputError(f"{path}: keyframe 0: 'time' must be 0, got {keyframes[0].time:g}")
    for index in range(1, len(keyframes)):
        if keyframes[index].time <= keyframes[index - 1].time:
            raise InputError(
                f"{path}: keyframe {index}: 'time' must be above {keyframes[index - 1].time:g}, that of the "
                f"one before, got {keyframes[index].time:g}"
            )
    return keyframes


def _keyframe(entry: Any, where: str) -> Keyframe:
    if not isinstance(entry, dict):
        raise InputError(f"{where} must be an object, got {type(entry).__name__}")
    for name in NEEDED:
        if name not in entry:
            raise InputError(f"{where} has no {name!r}; it needs {', '.join(NEEDED)}")
    unknown = [name for name in entry if name not in NEEDED + OPTIONAL]
    if unknown:
        raise InputError(f"{where} has an unknown key {unknown[0]!r}; known: {', '.join(NEEDED + OPTIONAL)}")
    for name, value in entry.items():
        low, high = LIMITS[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not low <= value <= high:
            raise InputError(f"{where}: {name!r} must be a number from {low:g} to {high:g}, got {value!r}")
    return Keyframe(**{name: float(value) for name, value in entry.items()})
