"""Pictures of a plan as SVG text: lines on linear or logarithmic axes, and steps over a day."""

import math
from collections.abc import Sequence
from html import escape

from msgspec import Struct

__all__ = ["Axis", "Line", "chart"]

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640.0, 360.0, 64.0, 44.0, 16.0
_RIGHT = 150.0  # room for the names of the lines
_COLOURS = ("#1b6ca8", "#c8553d", "#4f772d", "#7b2d8b", "#b8860b", "#2a9d8f", "#6c757d")
_TICKS = 5


class Axis(Struct, frozen=True, kw_only=True):
    """What an axis shows, with its unit."""

    name: str
    is_logarithmic: bool = False


class Line(Struct, frozen=True, kw_only=True):
    """Points (x, y) in order; ``is_dashed`` for what is only compared with."""

    name: str
    points: Sequence[tuple[float, float]]
    is_dashed: bool = False


class _Scale(Struct, frozen=True):
    """From values to places: ``low`` is drawn at ``start``, ``high`` at ``end``."""

    axis: Axis
    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        low, high = self._turned(self.low), self._turned(self.high)
        return self.start + (self._turned(value) - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        if not self.axis.is_logarithmic:
            step = _round_step((self.high - self.low) / _TICKS)
            first, last = math.ceil(self.low / step), math.floor(self.high / step)
            return [step * count for count in range(first, last + 1)]
        decades = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
        return [10.0**decade for decade in decades]

    def _turned(self, value: float) -> float:
        return math.log10(value) if self.axis.is_logarithmic else value


def chart(title: str, lines: Sequence[Line], *, x: Axis, y: Axis) -> str:
    """One picture. Logarithmic axes need values above 0. It refers to nothing outside itself."""
    points = [point for line in lines for point in line.points]
    across = _scale(x, [point[0] for point in points], start=_LEFT, end=_WIDTH - _RIGHT)
    up = _scale(y, [point[1] for point in points], start=_HEIGHT - _BOTTOM, end=_TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="11">',
        f"<title>{escape(title)}</title>",
        *_frame(across, up),
    ]
    for at, line in enumerate(lines):
        parts += _drawn(line, across, up=up, colour=_COLOURS[at % len(_COLOURS)], at=at)
    return "\n".join([*parts, "</svg>"])


def _scale(axis: Axis, values: Sequence[float], *, start: float, end: float) -> _Scale:
    low, high = min(values), max(values)
    if not axis.is_logarithmic:
        low = min(low, 0.0)
    if low == high:
        high = low * 2 or 1.0
    return _Scale(axis, low, high, start, end)


def _round_step(step: float) -> float:
    """The next larger of 1, 2, 5 and 10 times a power of ten."""
    power = float(10.0 ** math.floor(math.log10(step)))
    return next(power * part for part in (1, 2, 5, 10) if power * part >= step * (1 - 1e-9))


def _frame(across: _Scale, up: _Scale) -> list[str]:
    parts = []
    for value in across.ticks():
        at = across.place(value)
        parts.append(_rule((at, up.start), (at, up.end)))
        parts.append(_word(f"{value:.3g}", at, up.start + 16, anchor="middle"))
    for value in up.ticks():
        at = up.place(value)
        parts.append(_rule((across.start, at), (across.end, at)))
        parts.append(_word(f"{value:.3g}", across.start - 6, at + 4, anchor="end"))
    middle = (across.start + across.end) / 2
    parts.append(_word(across.axis.name, middle, _HEIGHT - 6, anchor="middle"))
    parts.append(
        f'<text transform="rotate(-90)" x="{-(up.start + up.end) / 2:.1f}" y="14" '
        f'text-anchor="middle">{escape(up.axis.name)}</text>'
    )
    return parts


def _drawn(line: Line, across: _Scale, *, up: _Scale, colour: str, at: int) -> list[str]:
    places = " ".join(f"{across.place(x):.1f},{up.place(y):.1f}" for x, y in line.points)
    dash = ' stroke-dasharray="5 4"' if line.is_dashed else ""
    return [
        f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>',
        f'<text x="{across.end + 8:.1f}" y="{_TOP + 12 + 16 * at:.1f}" fill="{colour}">'
        f"{escape(line.name)}</text>",
    ]


def _rule(start: tuple[float, float], end: tuple[float, float]) -> str:
    places = f'x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"'
    return f'<line {places} stroke="#ddd"/>'


def _word(text: str, x: float, y: float, *, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
