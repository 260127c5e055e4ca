"""Small SVG pictures for cards, readable on light and on dark pages: lines and bars, no library.

Text and grid use a grey with enough contrast on both; where the viewer tells its colour scheme,
the picture follows it.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape

import msgspec

__all__ = ["Picture", "bar_chart", "line_chart"]

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 44, 46
_COLOURS = ("#2f81f7", "#e3722c", "#2ea36b", "#b063d6")
_POINTS_MAX = 400
_TICKS = 5
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#768390}"
    ".t{font-size:14px;font-weight:600}"
    ".g{stroke:#768390;stroke-opacity:.25}"
    ".w{stroke:#768390;stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){text{fill:#adbac7}.g{stroke:#adbac7}.w{stroke:#adbac7}}"
    "@media(prefers-color-scheme:light){text{fill:#424a53}.g{stroke:#424a53}.w{stroke:#424a53}}"
)


class Picture(msgspec.Struct, frozen=True):
    """A drawing; `name` becomes part of its file name, `title` is also its alternative text."""

    name: str
    title: str
    svg: str


class _Axis(msgspec.Struct, frozen=True):
    """From values to pixels, and the values at which a line is drawn."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """The pixel of a value, one decimal."""
        share = (value - self.low) / ((self.high - self.low) or 1)
        return round(self.start + share * (self.end - self.start), 1)


def _axis(values: Sequence[float], start: float, end: float) -> _Axis:
    """An axis over the values with round ticks; it begins at zero if they are near to it."""
    low, high = min(values), max(values)
    low = 0.0 if 0 <= low < 0.6 * high else low
    span = (high - low) or abs(high) or 1.0
    step = 10 ** math.floor(math.log10(span / _TICKS))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= _TICKS)
    first, last = math.floor(low / step), math.ceil(high / step)
    last += first == last
    ticks = tuple(round(step * index, 10) for index in range(first, last + 1))
    return _Axis(ticks[0], ticks[-1], start, end, ticks)


def _short(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _text(x: float, y: float, text: str, *, anchor: str = "start", kind: str = "") -> str:
    shown = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{shown}>{escape(text)}</text>'


def _picture(name: str, title: str, parts: Sequence[str]) -> Picture:
    body = "\n".join(parts)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{escape(title)}">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n"
        f"{_text(_LEFT, 18, title, kind='t')}\n{body}\n</svg>\n"
    )
    return Picture(name, title, svg)


def _value_grid(axis: _Axis, unit: str) -> list[str]:
    parts = []
    for tick in axis.ticks:
        y = axis.at(tick)
        parts.append(f'<path class="g" d="M{_LEFT} {y}H{_WIDTH - _RIGHT}"/>')
        parts.append(_text(_LEFT - 8, y + 4, _short(tick), anchor="end"))
    return [*parts, _text(_LEFT, _TOP - 8, unit)]


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `_POINTS_MAX` points, each the mean of its neighbours."""
    width = math.ceil(len(points) / _POINTS_MAX)
    groups = [points[at : at + width] for at in range(0, len(points), width)]
    return [
        (sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group))
        for group in groups
    ]


def _legend(names: Sequence[str]) -> list[str]:
    if len(names) < 2:
        return []
    parts, x = [], float(_WIDTH - _RIGHT)
    for index, name in reversed(list(enumerate(names))):
        x -= 7.0 * len(name)
        parts.append(_text(x, _TOP - 8, name))
        x -= 16
        colour = _COLOURS[index % len(_COLOURS)]
        parts.append(f'<rect x="{x}" y="{_TOP - 17}" width="10" height="10" fill="{colour}"/>')
        x -= 12
    return parts


def line_chart(
    name: str,
    title: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    *,
    x_label: str = "",
    y_label: str = "",
) -> Picture:
    """Lines over a common horizontal axis. Raises ValueError where there is no point at all."""
    drawn = {label: _thinned(points) for label, points in lines.items() if points}
    points = [point for line in drawn.values() for point in line]
    if not points:
        raise ValueError(f"the chart {name!r} has no points")
    across = _axis([x for x, _ in points], _LEFT, _WIDTH - _RIGHT)
    up = _axis([y for _, y in points], _HEIGHT - _BOTTOM, _TOP)
    parts = _value_grid(up, y_label)
    parts += [
        _text(across.at(tick), _HEIGHT - _BOTTOM + 18, _short(tick), anchor="middle")
        for tick in across.ticks
    ]
    parts.append(_text((_LEFT + _WIDTH) / 2, _HEIGHT - 10, x_label, anchor="middle"))
    for index, line in enumerate(drawn.values()):
        path = "L".join(f"{across.at(x)} {up.at(y)}" for x, y in line)
        colour = _COLOURS[index % len(_COLOURS)]
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return _picture(name, title, parts + _legend(list(drawn)))


def bar_chart(
    name: str,
    title: str,
    values: Mapping[str, float],
    *,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    bar: float | None = None,
    unit: str = "%",
) -> Picture:
    """One column for each entry, with its interval and a line at the acceptance bar."""
    if not values:
        raise ValueError(f"the chart {name!r} has no columns")
    heights = [*values.values(), 0.0, *([100.0] if unit == "%" else []), *([bar] if bar else [])]
    up = _axis(heights, _HEIGHT - _BOTTOM, _TOP)
    parts = _value_grid(up, unit)
    slot = (_WIDTH - _LEFT - _RIGHT) / len(values)
    for index, (label, value) in enumerate(values.items()):
        middle = round(_LEFT + (index + 0.5) * slot, 1)
        width = round(min(slot * 0.64, 60), 1)
        top, floor = up.at(value), up.at(0)
        parts.append(
            f'<rect x="{round(middle - width / 2, 1)}" y="{top}" width="{width}" '
            f'height="{round(floor - top, 1)}" fill="{_COLOURS[0]}"/>'
        )
        if intervals and label in intervals:
            low, high = (up.at(end) for end in intervals[label])
            parts.append(f'<path class="w" d="M{middle} {low}V{high}"/>')
        parts.append(_text(middle, floor + 16, label, anchor="middle"))
        parts.append(_text(middle, floor + 31, f"{value:.1f}", anchor="middle"))
    if bar is not None:
        y = up.at(bar)
        parts.append(
            f'<path d="M{_LEFT} {y}H{_WIDTH - _RIGHT}" stroke="{_COLOURS[1]}" '
            'stroke-width="1.5" stroke-dasharray="6 4"/>'
        )
        parts.append(_text(_WIDTH - _RIGHT, y - 5, f"bar {bar:g}", anchor="end"))
    return _picture(name, title, parts)
