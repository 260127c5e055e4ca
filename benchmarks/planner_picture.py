"""Predicted against measured as one picture: a dot a run, the diagonal, and 25 % to either side."""

import numpy as np
from numpy.typing import NDArray

from kilonova.cli.charts.frame import COLOURS, HEIGHT, WIDTH, Axis, framed, legend, make_scale, svg
from kilonova.planner.columns import Array

__all__ = ["scatter"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 20.0, 34.0, 44.0


def scatter(measured: Array, predicted: Array, family: NDArray[np.str_]) -> str:
    """Seconds, (n,), drawn as milliseconds; families are told apart by colour."""
    both = np.concatenate([measured, predicted]) * 1e3
    ends = [float(both.min()), float(both.max())]
    across = make_scale(
        Axis(name="measured ms a token", is_logarithmic=True),
        ends,
        start=_LEFT,
        end=WIDTH - _RIGHT,
    )
    up = make_scale(
        Axis(name="predicted ms a token", is_logarithmic=True),
        ends,
        start=HEIGHT - _BOTTOM,
        end=_TOP,
    )
    names = sorted(set(family.tolist()))
    parts = [*legend(names, 10, 16), *framed(across, up)]
    for at, name in enumerate(names):
        own = family == name
        pairs = zip(measured[own] * 1e3, predicted[own] * 1e3, strict=True)
        places = {(round(across.place(x)), round(up.place(y))) for x, y in pairs}
        dots = "".join(f"M{x} {y}h0" for x, y in sorted(places))
        parts.append(
            f'<path d="{dots}" stroke="{COLOURS[at % len(COLOURS)]}" stroke-width="2.5" '
            'stroke-linecap="round" stroke-opacity="0.6"/>'
        )
    for factor, dash in ((1.0, ""), (0.8, "4 3"), (1.25, "4 3")):
        low, high = ends[0] * max(1, 1 / factor), ends[1] * min(1, 1 / factor)
        places_text = (
            f'x1="{across.place(low):.1f}" y1="{up.place(low * factor):.1f}" '
            f'x2="{across.place(high):.1f}" y2="{up.place(high * factor):.1f}"'
        )
        parts.append(f'<line {places_text} stroke="#000" stroke-dasharray="{dash}"/>')
    return svg("Predicted against measured time per token, families not seen", parts)
