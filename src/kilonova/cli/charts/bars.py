"""Bars: lying ones of several parts, and standing ones over labelled places."""

from collections.abc import Sequence

from msgspec import Struct

from kilonova.cli.charts.frame import (
    COLOURS,
    HEIGHT,
    WIDTH,
    Axis,
    framed,
    legend,
    make_scale,
    rule,
    svg,
    word,
)

__all__ = ["Bar", "column_chart", "stacked_chart"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 190.0, 60.0, 34.0, 44.0
_PITCH, _THICK = 28.0, 18.0
_NAME_MAX = 30


class Bar(Struct, frozen=True, kw_only=True):
    """Parts from the left, none below 0; ``mark`` is a line across it, to compare with."""

    name: str
    parts: Sequence[float]
    mark: float | None = None


def stacked_chart(title: str, bars: Sequence[Bar], *, parts: Sequence[str], x: Axis) -> str:
    """``parts`` are the names of what each bar is made of."""
    height = _TOP + _PITCH * len(bars) + _BOTTOM
    ends = [sum(bar.parts) for bar in bars] + [bar.mark for bar in bars if bar.mark is not None]
    across = make_scale(x, ends, start=_LEFT, end=WIDTH - _RIGHT)
    bottom = height - _BOTTOM
    drawn = legend(parts, 10, 16)
    for value, text in across.ticks():
        at = across.place(value)
        drawn.append(rule((at, _TOP), (at, bottom)))
        drawn.append(word(text, at, bottom + 16, anchor="middle"))
    drawn.append(word(x.name, (_LEFT + WIDTH - _RIGHT) / 2, height - 6, anchor="middle"))
    for row, bar in enumerate(bars):
        top = _TOP + _PITCH * row + (_PITCH - _THICK) / 2
        drawn.append(word(_short(bar.name), _LEFT - 8, top + 13, anchor="end"))
        done = 0.0
        for at, part in enumerate(bar.parts):
            start, end = across.place(done), across.place(done + part)
            drawn.append(_box((start, top), (end - start, _THICK), COLOURS[at % len(COLOURS)]))
            done += part
        drawn.append(word(x.write(done), across.place(done) + 5, top + 13, anchor="start"))
        if bar.mark is not None:
            at_mark = across.place(bar.mark)
            drawn.append(rule((at_mark, top - 4), (at_mark, top + _THICK + 4), colour="#000"))
    return svg(title, drawn, height=height)


def column_chart(title: str, heights: Sequence[float], *, x: Axis, y: Axis) -> str:
    """One standing bar for each label of ``x``."""
    across = make_scale(x, [-0.5, len(heights) - 0.5], start=64.0, end=WIDTH - 20)
    up = make_scale(y, heights, start=HEIGHT - _BOTTOM, end=16.0)
    width = (across.end - across.start) / len(heights) * 0.7
    parts = framed(across, up)
    for at, value in enumerate(heights):
        top = up.place(value)
        left = across.place(float(at)) - width / 2
        parts.append(_box((left, top), (width, up.start - top), COLOURS[0]))
    return svg(title, parts)


def _box(place: tuple[float, float], size: tuple[float, float], colour: str) -> str:
    where = f'x="{place[0]:.1f}" y="{place[1]:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}"'
    return f'<rect {where} fill="{colour}"/>'


def _short(name: str) -> str:
    return name if len(name) <= _NAME_MAX else name[: _NAME_MAX - 1] + "…"
