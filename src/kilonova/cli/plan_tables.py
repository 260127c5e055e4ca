"""A plan as CSV: its ways, or its quarters where these were asked for."""

import csv
import io
from collections.abc import Iterable

from msgspec import structs

from kilonova.planner.plan import Plan
from kilonova.planner.quarters import Quarter

__all__ = ["as_csv"]

_WAYS = (
    *("accelerator", "engine", "precision", "chips", "tensor", "experts", "running_max"),
    *("replicas_peak", "replicas_mean", "reader_chips", "reader_replicas_peak", "chips_peak"),
    *("utilisation", "first_token_ms", "token_ms", "peak_kw", "kwh_a_day", "capital_usd"),
    *("usd_hour", "usd_a_day", "usd_a_day_low", "usd_a_day_high", "usd_per_million_input"),
    *("usd_per_million_output", "usd_per_million_mean"),
)


def as_csv(plan: Plan) -> str:
    """The head names fields and units."""
    if plan.quarters:
        rows = (structs.astuple(row) for row in plan.quarters)
        return _written(Quarter.__struct_fields__, rows)
    return _written(_WAYS, _ways(plan))


def _ways(plan: Plan) -> Iterable[tuple[object, ...]]:
    for way in plan.options:
        yield (
            *(way.accelerator, way.engine, way.precision, way.chips, way.tensor, way.experts),
            *(way.running_max, way.replicas_peak, way.replicas_mean),
            *(way.readers.chips if way.readers else 0,),
            *(way.readers.replicas_peak if way.readers else 0, way.chips_peak, way.utilisation),
            *(way.first_token_ms.value, way.token_ms.value, way.peak_kw, way.kwh_a_day),
            *(way.capital_usd, way.usd_hour, way.usd_a_day.value, way.usd_a_day.low),
            *(way.usd_a_day.high, way.usd_per_million.input, way.usd_per_million.output),
            way.usd_per_million.mean,
        )


def _written(head: Iterable[str], rows: Iterable[tuple[object, ...]]) -> str:
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return page.getvalue()
