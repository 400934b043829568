"""The search's points as a picture: what each mixture of precisions costs, and how close its views come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .beside import Point

WIDTH, HEIGHT = 520, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 12, 38
TICKS = 4


@dataclass(frozen=True)
class Mark:
    """A point in the picture, in its pixels; `kind` is "pass", "fail" or "chosen"."""

    x: float
    y: float
    kind: str
    title: str


@dataclass(frozen=True)
class Scatter:
    """A scatter of points with the front that no other point beats.

    Attributes:
        title, x_label, y_label: in words.
        marks: every point that was measured.
        front: the corners of the front's line, "x,y x,y …".
        x_ticks, y_ticks: (place, text).
        width, height: of the picture.
    """

    title: str
    x_label: str
    y_label: str
    marks: tuple[Mark, ...]
    front: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    width: int = WIDTH
    height: int = HEIGHT


def scatters(points: Sequence[Point]) -> list[Scatter]:
    """Return view PSNR against bytes and against cost; none where no point was measured."""
    measured = [point for point in points if point.psnr is not None]
    if not measured:
        return []
    return [
        _scatter("View PSNR against size", "weights, MB", measured, lambda point: point.bytes / 1e6),
        _scatter("View PSNR against time", "cost, billion int8 multiply-accumulates", measured, _cost),
    ]


def _cost(point: Point) -> float:
    return point.cost / 1e9


def _scatter(title: str, label: str, points: Sequence[Point], cost: Callable[[Point], float]) -> Scatter:
    across = _Axis([cost(p) for p in points], LEFT, WIDTH - RIGHT)
    upward = _Axis([p.psnr or 0.0 for p in points], HEIGHT - BOTTOM, TOP)
    marks = [
        Mark(
            across.place(cost(p)),
            upward.place(p.psnr or 0.0),
            "chosen" if p.chosen else "pass" if p.passed else "fail",
            f"{p.label}; {cost(p):.3g}, {p.psnr:.2f} dB",
        )
        for p in points
    ]
    corners = front([(cost(p), p.psnr or 0.0) for p in points])
    line = " ".join(f"{across.place(x):.1f},{upward.place(y):.1f}" for x, y in corners)
    return Scatter(title, label, "view PSNR, dB", tuple(marks), line, across.ticks(), upward.ticks())


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points (cost, quality) that no cheaper or equally cheap one equals in quality, by cost."""
    kept: list[tuple[float, float]] = []
    for cost, quality in sorted(set(points), key=lambda p: (p[0], -p[1])):
        if not kept or quality > kept[-1][1]:
            kept.append((cost, quality))
    return kept


class _Axis:
    """From values to pixels, with room at both ends."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        low, high = min(values), max(values)
        room = (high - low) * 0.06 or max(abs(high), 1.0) * 0.06
        self.low, self.high = low - room, high + room
        self.begin, self.end = begin, end

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.begin + share * (self.end - self.begin)

    def ticks(self) -> tuple[tuple[float, str], ...]:
        step = (self.high - self.low) / (TICKS + 1)
        values = [self.low + step * (index + 1) for index in range(TICKS)]
        return tuple((self.place(value), f"{value:.3g}") for value in values)
