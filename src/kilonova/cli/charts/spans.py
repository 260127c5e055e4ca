"""Lying bars that begin anywhere: the steps of a sum, and what a change of each input does."""

from collections.abc import Sequence

from msgspec import Struct

from kilonova.cli.charts.frame import COLOURS, WIDTH, Axis, make_scale, rule, svg, word

__all__ = ["Span", "span_chart"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 190.0, 110.0, 14.0, 44.0
_PITCH, _THICK = 26.0, 16.0


class Span(Struct, frozen=True, kw_only=True):
    """From one value to another, with what is written behind it; ``is_whole`` for a sum."""

    name: str
    start: float
    end: float
    text: str
    is_whole: bool = False


def span_chart(title: str, spans: Sequence[Span], *, x: Axis, mark: float | None = None) -> str:
    """``mark`` is a line across all of them, to compare with."""
    height = _TOP + _PITCH * len(spans) + _BOTTOM
    ends = [end for span in spans for end in (span.start, span.end)]
    across = make_scale(x, ends, start=_LEFT, end=WIDTH - _RIGHT)
    bottom, drawn = height - _BOTTOM, []
    for value, text in across.ticks():
        at = across.place(value)
        drawn += [rule((at, _TOP), (at, bottom)), word(text, at, bottom + 16, anchor="middle")]
    drawn.append(word(x.name, (_LEFT + WIDTH - _RIGHT) / 2, height - 6, anchor="middle"))
    for row, span in enumerate(spans):
        top = _TOP + _PITCH * row + (_PITCH - _THICK) / 2
        low, high = sorted((across.place(span.start), across.place(span.end)))
        where = f'x="{low:.1f}" y="{top:.1f}" width="{high - low:.1f}" height="{_THICK:.1f}"'
        drawn.append(f'<rect {where} fill="{COLOURS[1 if span.is_whole else 0]}"/>')
        drawn.append(word(span.name, _LEFT - 8, top + 12, anchor="end"))
        drawn.append(word(span.text, high + 5, top + 12, anchor="start"))
    if mark is not None:
        at = across.place(mark)
        drawn.append(rule((at, _TOP), (at, bottom), colour="#000"))
    return svg(title, drawn, height=height)
