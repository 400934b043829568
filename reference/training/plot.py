"""The log of a training as a picture: one curve a number, each to its own height."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, MARGIN = 640, 360, 40
COLORS = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2", "#be185d", "#4b5563")


def loss_plot(rows: Sequence[Mapping[str, float]]) -> str:
    """Return an SVG of every number of the log against the step; its largest value is its full height.

    Args:
        rows: each with `step` and some numbers ≥ 0.
    """
    last = max((row["step"] for row in rows), default=1)
    names = list(dict.fromkeys(name for row in rows for name in row if name != "step"))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="11"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<path d="M{MARGIN} {MARGIN}V{HEIGHT - MARGIN}H{WIDTH - MARGIN}" fill="none" stroke="#9ca3af"/>',
        f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - MARGIN + 16}" text-anchor="end">step {last:.0f}</text>',
    ]
    for index, name in enumerate(names):
        values = [(row["step"], row[name]) for row in rows if name in row]
        largest = max(value for _, value in values) or 1.0
        points = " ".join(
            f"{MARGIN + (WIDTH - 2 * MARGIN) * step / last:.1f},"
            f"{HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * value / largest:.1f}"
            for step, value in values
        )
        color = COLORS[index % len(COLORS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5"/>')
        parts.append(
            f'<text x="{WIDTH - MARGIN - 150}" y="{MARGIN + 14 * index}" fill="{color}">'
            f"{escape(name)} {values[-1][1]:.4f} (highest {largest:.4f})</text>"
        )
    return "\n".join([*parts, "</svg>"]) + "\n"
