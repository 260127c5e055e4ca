"""Every way to serve a workload with what may be used, each with its capacity, fleet and price."""

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from kilonova.core.errors import InvalidRequest
from kilonova.planner.columns import Array, Columns, Configuration
from kilonova.planner.fleet import Fleet, size
from kilonova.planner.layouts import layouts, wide_layouts
from kilonova.planner.memory import running_max
from kilonova.planner.pools import Readers, no_readers, pair
from kilonova.planner.refusals import out_of_reach, too_large
from kilonova.planner.shape import ModelShape
from kilonova.planner.steady import Latency, capacity, latency
from kilonova.planner.supply import HourPrice, Supply, hour_price, usd_a_day
from kilonova.planner.tables import Tables
from kilonova.planner.workload import Workload

__all__ = ["Search", "search"]

_Mask = NDArray[np.bool_]

_RUNNING_MAX = 4_096  # what engines are started with at the very most


class Search(Struct, frozen=True, kw_only=True):
    """The ways that work, cheapest first. Arrays are (n,), the fleets (n, 24).

    ``running`` requests at most are in a replica, each of them for ``hold_s`` if it is full.
    """

    configurations: tuple[Configuration, ...]
    columns: Columns
    prices: tuple[HourPrice, ...]
    running: Array
    spares: int
    times: Latency
    hold_s: Array
    fleet: Fleet
    readers: Readers
    usd_a_day: Array

    def is_apart(self, at: int) -> bool:
        """Whether way ``at`` reads prompts on machines of their own."""
        return self.readers.configurations[at] is not None


def search(workload: Workload, model: ModelShape, supply: Supply, *, tables: Tables) -> Search:
    """All that work, ranked by what a day costs.

    Raises InvalidRequest: ``model_too_large``, ``target_out_of_reach`` or ``too_few_chips``, each
    with the nearest that would work.
    """
    workload.check(model)
    supply.check()
    price_of = {chip.name: hour_price(supply, chip, tables) for chip in supply.chips(tables)}
    both = []
    if supply.layout != "apart":
        both.append(_together(workload, model, supply, tables=tables, price_of=price_of))
    if supply.layout != "together":
        both.append(_apart(workload, model, supply, tables=tables, price_of=price_of))
    found = both[0] if len(both) == 1 else _joined(both[0], both[1])
    if not found.configurations:
        raise _refusal(workload, model, supply, tables=tables)
    chips = found.fleet.peak * found.columns.chips
    chips = chips + found.readers.fleet.peak * found.readers.chips
    is_ready = np.isfinite(found.usd_a_day)
    if supply.chips_max is not None:
        is_ready &= _is_enough(chips, is_ready, supply.chips_max)
    order = np.flatnonzero(is_ready)[np.argsort(found.usd_a_day[is_ready], kind="stable")]
    return _taken(found, order)


def _together(
    workload: Workload,
    model: ModelShape,
    supply: Supply,
    *,
    tables: Tables,
    price_of: Mapping[str, HourPrice],
) -> Search:
    """The ways that read prompts where they write."""
    configurations = _candidates(model, supply, tables)
    columns, constants = Columns.of(configurations), tables.fit.constants
    rows = len(configurations)
    traffic, targets = workload.traffic(rows), workload.targets(rows)
    fits = running_max(columns, context=traffic.input_tokens + traffic.output_tokens)
    most = np.minimum(fits, _RUNNING_MAX * columns.copies)
    running = capacity(columns, constants, traffic=traffic, targets=targets, most=most)
    works = np.flatnonzero((running >= 1) & (most >= 1))
    chosen = [configurations[at] for at in works.tolist()]
    columns, running, traffic = columns.take(works), running[works], workload.traffic(len(works))
    times = latency(columns, constants, running=running, traffic=traffic)
    hold = times.request_s(traffic)
    fleet = size(workload.hourly_rate(), request_s=hold, running=running, spares=supply.spares)
    prices = [price_of[row.accelerator.name] for row in chosen]
    return Search(
        configurations=tuple(chosen),
        columns=columns,
        prices=tuple(prices),
        running=running,
        spares=supply.spares,
        times=times,
        hold_s=hold,
        fleet=fleet,
        readers=no_readers(len(chosen)),
        usd_a_day=usd_a_day(fleet, columns.chips, prices),
    )


def _apart(
    workload: Workload,
    model: ModelShape,
    supply: Supply,
    *,
    tables: Tables,
    price_of: Mapping[str, HourPrice],
) -> Search:
    """The ways that read prompts on machines of their own."""
    candidates = _candidates(model, supply, tables, is_wide=True)
    pairs = pair(
        candidates,
        workload,
        constants=tables.fit.constants,
        prices=[price_of[row.accelerator.name] for row in candidates],
        spares=supply.spares,
    )
    prices = [price_of[row.accelerator.name] for row in pairs.writers]
    cost = usd_a_day(pairs.fleet, pairs.columns.chips, prices)
    cost = cost + usd_a_day(pairs.readers.fleet, pairs.readers.chips, prices)
    return Search(
        configurations=pairs.writers,
        columns=pairs.columns,
        prices=tuple(prices),
        running=pairs.running,
        spares=supply.spares,
        times=pairs.times,
        hold_s=pairs.hold_s,
        fleet=pairs.fleet,
        readers=pairs.readers,
        usd_a_day=cost,
    )


def _joined(one: Search, other: Search) -> Search:
    return Search(
        configurations=one.configurations + other.configurations,
        columns=one.columns.followed_by(other.columns),
        prices=one.prices + other.prices,
        running=np.concatenate([one.running, other.running]),
        spares=one.spares,
        times=Latency(
            np.concatenate([one.times.first_s, other.times.first_s]),
            np.concatenate([one.times.token_s, other.times.token_s]),
        ),
        hold_s=np.concatenate([one.hold_s, other.hold_s]),
        fleet=Fleet(replicas=np.concatenate([one.fleet.replicas, other.fleet.replicas])),
        readers=one.readers.followed_by(other.readers),
        usd_a_day=np.concatenate([one.usd_a_day, other.usd_a_day]),
    )


def _taken(found: Search, order: NDArray[np.intp]) -> Search:
    rows = order.tolist()
    return Search(
        configurations=tuple(found.configurations[at] for at in rows),
        columns=found.columns.take(order),
        prices=tuple(found.prices[at] for at in rows),
        running=found.running[order],
        spares=found.spares,
        times=Latency(found.times.first_s[order], found.times.token_s[order]),
        hold_s=found.hold_s[order],
        fleet=Fleet(replicas=found.fleet.replicas[order]),
        readers=found.readers.take(order),
        usd_a_day=found.usd_a_day[order],
    )


def _candidates(
    model: ModelShape, supply: Supply, tables: Tables, *, is_wide: bool = False
) -> list[Configuration]:
    return [
        Configuration(
            model=model, accelerator=chip, precision=precision, layout=layout, engine=engine
        )
        for chip in supply.chips(tables)
        for precision in supply.widths()
        if precision.computes != 4 or chip.fp4_tflops or len(supply.precisions) == 1
        for layout in (*layouts(model, chip), *(wide_layouts(model, chip) if is_wide else ()))
        for engine in supply.engines
    ]


def _refusal(
    workload: Workload, model: ModelShape, supply: Supply, *, tables: Tables
) -> InvalidRequest:
    """Why nothing works."""
    configurations = _candidates(model, supply, tables, is_wide=supply.layout == "apart")
    columns, traffic = Columns.of(configurations), workload.traffic(len(configurations))
    context = traffic.input_tokens + traffic.output_tokens
    most = running_max(columns, context=context)
    if not np.any(most >= 1):
        return too_large(columns, model, context=context, tables=tables)
    times = latency(columns, tables.fit.constants, running=np.ones(len(most)), traffic=traffic)
    return out_of_reach(workload, times, configurations=configurations, fits=most >= 1)


def _is_enough(chips: Array, is_ready: _Mask, most: int) -> _Mask:
    is_enough: _Mask = chips <= most
    if not np.any(is_enough & is_ready):
        least = int(np.min(chips[is_ready]))
        raise InvalidRequest(
            f"{'1 chip is' if most == 1 else f'{most} chips are'} too few for this load: the least "
            f"that would do is {least}, spares included.",
            param="chips_max",
            reason="too_few_chips",
        )
    return is_enough
