"""Why a workload cannot be served with what may be used, and the nearest that would work."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kilonova.core.errors import InvalidRequest
from kilonova.planner.accelerator import PRECISIONS
from kilonova.planner.columns import Array, Columns, Configuration
from kilonova.planner.layouts import layouts
from kilonova.planner.memory import USABLE, resident_bytes, running_max
from kilonova.planner.shape import ModelShape
from kilonova.planner.steady import Latency
from kilonova.planner.tables import Tables
from kilonova.planner.workload import Workload

__all__ = ["out_of_reach", "too_large"]


def too_large(
    columns: Columns, model: ModelShape, *, context: Array, tables: Tables
) -> InvalidRequest:
    """Says by how much, and the least memory in the tables that would do."""
    room = columns.memory_bytes * USABLE * columns.chips
    best = int(np.argmax(room - resident_bytes(columns) * columns.chips))
    weights = resident_bytes(columns)[best] * columns.chips[best] / 1e9
    count = round(columns.chips[best])
    return InvalidRequest(
        f"{model.name} does not fit: its weights take {weights:,.0f} GB on "
        f"{count} {'chip' if count == 1 else 'chips'} of "
        f"{columns.memory_bytes[best] / 1e9:.0f} GB, of which "
        f"{room[best] / 1e9:,.0f} GB can be used, and a request of {context[best]:,.0f} tokens has "
        "to fit beside them. " + _nearest(model, tables, context=float(context[best])),
        param="accelerators",
        reason="model_too_large",
    )


def _nearest(model: ModelShape, tables: Tables, *, context: float) -> str:
    """The least memory in the tables that holds ``model`` with one request."""
    rows = [
        Configuration(model=model, accelerator=chip, precision=precision, layout=layout)
        for chip in tables.accelerators.values()
        for precision in PRECISIONS.values()
        for layout in layouts(model, chip)
    ]
    columns = Columns.of(rows)
    holds = running_max(columns, context=np.full(len(rows), context)) >= 1
    if not np.any(holds):
        return "No accelerator of the tables holds it: use a smaller model or shorter requests."
    least = rows[int(np.argmin(np.where(holds, columns.memory_bytes * columns.chips, np.inf)))]
    return (
        f"The least that would do: {least.layout.chips} x {least.accelerator.name} "
        f"({least.precision.name})."
    )


def out_of_reach(
    workload: Workload,
    times: Latency,
    *,
    configurations: Sequence[Configuration],
    fits: NDArray[np.bool_],
) -> InvalidRequest:
    """Names the fastest way there is, one request at a time, for the target that fails."""
    for field, reached, target in (
        ("first_token_ms", times.first_s, workload.first_token_ms),
        ("token_ms", times.token_s, workload.token_ms),
        ("first_token_p95_ms", times.first_s, workload.first_token_p95_ms),
        ("token_p95_ms", times.token_s, workload.token_p95_ms),
    ):
        fastest = int(np.argmin(np.where(fits, reached, np.inf)))
        if target is not None and reached[fastest] * 1e3 > target:
            way = configurations[fastest]
            return InvalidRequest(
                f"No configuration reaches {field} = {target:g}: the fastest, one request at a "
                f"time on {way.layout.chips} x {way.accelerator.name} ({way.precision.name}), "
                f"takes {reached[fastest] * 1e3:.1f} ms. Ask for at least that.",
                param=field,
                reason="target_out_of_reach",
            )
    return InvalidRequest(
        "No configuration reaches both latency targets at once: relax one of them.",
        param="token_ms",
        reason="target_out_of_reach",
    )
