"""Every way to serve a workload with what may be used, each with its capacity, fleet and price."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from kilonova.core.errors import InvalidRequest
from kilonova.planner.accelerator import PRECISIONS, Accelerator
from kilonova.planner.columns import Array, Columns, Configuration, Layout
from kilonova.planner.fleet import Fleet, size
from kilonova.planner.memory import USABLE, resident_bytes, running_max
from kilonova.planner.shape import ModelShape
from kilonova.planner.steady import Latency, capacity, latency
from kilonova.planner.supply import HourPrice, Supply, hour_price
from kilonova.planner.tables import Tables
from kilonova.planner.workload import HOURS, Workload

__all__ = ["Search", "layouts", "search", "usd_a_day"]

_Mask = NDArray[np.bool_]

_SIZES = (1, 2, 4, 8, 16, 32, 64)
_RUNNING_MAX = 4_096  # what engines are started with at the very most


class Search(Struct, frozen=True, kw_only=True):
    """The ways that work, cheapest first. Arrays are (n,), the fleet (n, 24)."""

    configurations: tuple[Configuration, ...]
    columns: Columns
    prices: tuple[HourPrice, ...]
    running: Array
    spares: int
    output_tokens: float
    times: Latency
    fleet: Fleet
    usd_a_day: Array


def layouts(model: ModelShape, chip: Accelerator) -> list[Layout]:
    """How a replica may spread: over 1 to 64 linked chips, attention split or copied, experts split
    or dealt."""
    found = []
    for chips in _SIZES:
        if chips > chip.linked:
            break
        found.append(Layout(chips=chips, tensor=chips))
        if model.experts and chips > 1:
            found.append(Layout(chips=chips, tensor=chips, experts=chips))
            found.append(Layout(chips=chips, tensor=1, experts=chips))
    return found


def search(workload: Workload, model: ModelShape, supply: Supply, *, tables: Tables) -> Search:
    """All that work, ranked by what a day costs.

    Raises InvalidRequest: ``model_too_large``, ``target_out_of_reach`` or ``too_few_chips``, each
    with the nearest that would work.
    """
    workload.check(model)
    supply.check()
    configurations = _candidates(model, supply, tables)
    columns = Columns.of(configurations)
    traffic = workload.traffic(len(configurations))
    context = traffic.input_tokens + traffic.output_tokens
    most = np.minimum(running_max(columns, context=context), _RUNNING_MAX * columns.copies)
    if not np.any(most >= 1):
        raise _too_large(columns, model, context=context, tables=tables)
    constants = tables.fit.constants
    targets = workload.targets(len(configurations))
    running = capacity(columns, constants, traffic=traffic, targets=targets, most=most)
    fits = most >= 1
    if not np.any(running >= 1):
        times = latency(columns, constants, running=np.ones(len(most)), traffic=traffic)
        raise _out_of_reach(workload, times, configurations=configurations, fits=fits)
    times = latency(columns, constants, running=np.maximum(running, 1.0), traffic=traffic)
    rate = workload.hourly_rate()
    fleet = size(rate, request_s=times.request_s(traffic), running=running, spares=supply.spares)
    price_of = {chip.name: hour_price(supply, chip, tables) for chip in supply.chips(tables)}
    prices = [price_of[row.accelerator.name] for row in configurations]
    cost = usd_a_day(fleet, columns.chips, prices)
    is_ready = np.isfinite(cost) & fits
    if supply.chips_max is not None:
        is_ready &= _is_enough(fleet.peak * columns.chips, is_ready, supply.chips_max)
    order = np.flatnonzero(is_ready)[np.argsort(cost[is_ready], kind="stable")]
    return Search(
        configurations=tuple(configurations[at] for at in order),
        columns=columns.take(order),
        prices=tuple(prices[at] for at in order),
        running=running[order],
        spares=supply.spares,
        output_tokens=workload.output_tokens,
        times=Latency(times.first_s[order], times.token_s[order]),
        fleet=Fleet(replicas=fleet.replicas[order]),
        usd_a_day=cost[order],
    )


def usd_a_day(fleet: Fleet, chips: Array, prices: Sequence[HourPrice]) -> Array:
    """Rented machines are paid by the hour that they are used, others around the clock."""
    by_hour = np.array([price.by_hour for price in prices])
    hours = np.where(by_hour, np.sum(fleet.replicas, axis=-1), fleet.peak * HOURS)
    return np.asarray(hours * chips * np.array([price.usd for price in prices]))


def _candidates(model: ModelShape, supply: Supply, tables: Tables) -> list[Configuration]:
    return [
        Configuration(
            model=model, accelerator=chip, precision=precision, layout=layout, engine=engine
        )
        for chip in supply.chips(tables)
        for precision in supply.widths()
        if precision.computes != 4 or chip.fp4_tflops or len(supply.precisions) == 1
        for layout in layouts(model, chip)
        for engine in supply.engines
    ]


def _too_large(
    columns: Columns, model: ModelShape, *, context: Array, tables: Tables
) -> InvalidRequest:
    """Says by how much, and the least memory in the tables that would do."""
    room = columns.memory_bytes * USABLE * columns.chips
    best = int(np.argmax(room - resident_bytes(columns) * columns.chips))
    weights = resident_bytes(columns)[best] * columns.chips[best] / 1e9
    return InvalidRequest(
        f"{model.name} does not fit: its weights take {weights:,.0f} GB on "
        f"{columns.chips[best]:.0f} chips of {columns.memory_bytes[best] / 1e9:.0f} GB, of which "
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


def _out_of_reach(
    workload: Workload,
    times: Latency,
    *,
    configurations: Sequence[Configuration],
    fits: _Mask,
) -> InvalidRequest:
    """Names the fastest way there is, one request at a time, for the target that fails."""
    for field, reached, target in (
        ("first_token_ms", times.first_s, workload.first_token_ms),
        ("token_ms", times.token_s, workload.token_ms),
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


def _is_enough(chips: Array, is_ready: _Mask, most: int) -> _Mask:
    is_enough: _Mask = chips <= most
    if not np.any(is_enough & is_ready):
        least = int(np.min(chips[is_ready]))
        raise InvalidRequest(
            f"{most} chips are too few for this load: the least that would do is {least}, spares "
            "included.",
            param="chips_max",
            reason="too_few_chips",
        )
    return is_enough
