"""What every picture shares: its size, colours, scales, rules and words."""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from html import escape

from msgspec import Struct

__all__ = [
    "COLOURS",
    "HEIGHT",
    "WIDTH",
    "Axis",
    "Scale",
    "framed",
    "legend",
    "make_scale",
    "plain_number",
    "rule",
    "svg",
    "word",
]

WIDTH, HEIGHT = 640.0, 360.0
COLOURS = ("#1b6ca8", "#c8553d", "#4f772d", "#7b2d8b", "#b8860b", "#2a9d8f", "#6c757d")
_TICKS = 5
_LABELS_MAX = 8
_LETTER = 6.2  # the mean width of one, at this size of type


def plain_number(value: float) -> str:
    """Three digits, and all of those before the point; in millions (M) and thousands of millions
    (G) where it is that large, so that it fits beside an axis."""
    size = abs(float(f"{value:.3g}"))
    if size and not 1e-4 <= size < 1e12:
        return f"{value:.3g}"
    for unit, sign in ((1e9, "G"), (1e6, "M")):
        if size >= unit:
            return _plain(value / unit) + sign
    return _plain(value)


def _plain(value: float) -> str:
    text = f"{Decimal(f'{value:.3g}'):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Axis(Struct, frozen=True, kw_only=True):
    """What an axis shows, with its unit. ``labels`` name the places 0, 1, 2 … of one that has no
    numbers; ``write`` says how a number is written."""

    name: str
    is_logarithmic: bool = False
    labels: Sequence[str] = ()
    write: Callable[[float], str] = plain_number


class Scale(Struct, frozen=True):
    """From values to places: ``low`` is drawn at ``start``, ``high`` at ``end``."""

    axis: Axis
    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Where a value is drawn."""
        low, high = self._turned(self.low), self._turned(self.high)
        return self.start + (self._turned(value) - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[tuple[float, str]]:
        """Values with what is written at them."""
        if labels := self.axis.labels:
            step = -(-len(labels) // _LABELS_MAX)
            return [(float(at), labels[at]) for at in range(0, len(labels), step)]
        return [(value, self.axis.write(value)) for value in self._values()]

    def _values(self) -> list[float]:
        if not self.axis.is_logarithmic:
            step = _round_step((self.high - self.low) / _TICKS)
            first, last = math.ceil(self.low / step), math.floor(self.high / step)
            return [step * count for count in range(first, last + 1)]
        decades = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
        return [10.0**decade for decade in decades]

    def _turned(self, value: float) -> float:
        return math.log10(value) if self.axis.is_logarithmic else value


def make_scale(axis: Axis, values: Sequence[float], *, start: float, end: float) -> Scale:
    """One that all values fit in; from 0, unless it is logarithmic."""
    low, high = min(values), max(values)
    if not axis.is_logarithmic:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        high = low * 2 or 1.0
    return Scale(axis, low, high, start, end)


def _round_step(step: float) -> float:
    """The next larger of 1, 2, 5 and 10 times a power of ten."""
    power = float(10.0 ** math.floor(math.log10(step)))
    return next(power * part for part in (1, 2, 5, 10) if power * part >= step * (1 - 1e-9))


def svg(title: str, parts: Sequence[str], *, height: float = HEIGHT) -> str:
    """A whole picture."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="11">'
    )
    return "\n".join([head, f"<title>{escape(title)}</title>", *parts, "</svg>"])


def framed(across: Scale, up: Scale) -> list[str]:
    """Both axes with their rules, numbers and names."""
    parts = []
    for value, text in across.ticks():
        at = across.place(value)
        parts.append(rule((at, up.start), (at, up.end)))
        parts.append(word(text, at, up.start + 16, anchor="middle"))
    for value, text in up.ticks():
        at = up.place(value)
        parts.append(rule((across.start, at), (across.end, at)))
        parts.append(word(text, across.start - 6, at + 4, anchor="end"))
    middle = (across.start + across.end) / 2
    parts.append(word(across.axis.name, middle, HEIGHT - 6, anchor="middle"))
    parts.append(
        f'<text transform="rotate(-90)" x="{-(up.start + up.end) / 2:.1f}" y="14" '
        f'text-anchor="middle">{escape(up.axis.name)}</text>'
    )
    return parts


def legend(names: Sequence[str], x: float, y: float) -> list[str]:
    """Names with their colours, side by side."""
    parts = []
    for at, name in enumerate(names):
        colour = COLOURS[at % len(COLOURS)]
        parts.append(f'<rect x="{x:.1f}" y="{y - 9:.1f}" width="10" height="10" fill="{colour}"/>')
        parts.append(word(name, x + 14, y, anchor="start"))
        x += 14 + _LETTER * len(name) + 14
    return parts


def rule(start: tuple[float, float], end: tuple[float, float], *, colour: str = "#ddd") -> str:
    """A thin line."""
    places = f'x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"'
    return f'<line {places} stroke="{colour}"/>'


def word(text: str, x: float, y: float, *, anchor: str) -> str:
    """Text at a place; ``anchor`` is start, middle or end."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
