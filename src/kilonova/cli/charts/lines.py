"""Lines on linear or logarithmic axes."""

from collections.abc import Sequence
from html import escape

from msgspec import Struct

from kilonova.cli.charts.frame import (
    COLOURS,
    HEIGHT,
    WIDTH,
    Axis,
    Scale,
    framed,
    make_scale,
    svg,
)

__all__ = ["Line", "line_chart"]

_LEFT, _BOTTOM, _TOP = 64.0, 44.0, 16.0
_RIGHT = 150.0  # room for the names of the lines


class Line(Struct, frozen=True, kw_only=True):
    """Points (x, y) in order; ``is_dashed`` for what is only compared with."""

    name: str
    points: Sequence[tuple[float, float]]
    is_dashed: bool = False


def line_chart(title: str, lines: Sequence[Line], *, x: Axis, y: Axis) -> str:
    """One picture. Logarithmic axes need values above 0."""
    points = [point for line in lines for point in line.points]
    across = make_scale(x, [point[0] for point in points], start=_LEFT, end=WIDTH - _RIGHT)
    up = make_scale(y, [point[1] for point in points], start=HEIGHT - _BOTTOM, end=_TOP)
    parts = framed(across, up)
    for at, line in enumerate(lines):
        parts += _drawn(line, across, up=up, colour=COLOURS[at % len(COLOURS)], at=at)
    return svg(title, parts)


def _drawn(line: Line, across: Scale, *, up: Scale, colour: str, at: int) -> list[str]:
    places = " ".join(f"{across.place(x):.1f},{up.place(y):.1f}" for x, y in line.points)
    dash = ' stroke-dasharray="5 4"' if line.is_dashed else ""
    return [
        f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>',
        f'<text x="{across.end + 8:.1f}" y="{_TOP + 12 + 16 * at:.1f}" fill="{colour}">'
        f"{escape(line.name)}</text>",
    ]
