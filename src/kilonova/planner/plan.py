"""A plan: the cheapest ways to serve a workload, with machines, power, capital and prices."""

import numpy as np
from msgspec import Struct

from kilonova.planner.cost import Margin, TokenCost, day_usd, margins, token_cost
from kilonova.planner.curves import LoadPoint, SpeedPoint, load_curve, speed_curve
from kilonova.planner.fleet import Fleet
from kilonova.planner.power import chip_w
from kilonova.planner.search import Search, search
from kilonova.planner.shape import ModelShape
from kilonova.planner.steady import latency, running_at
from kilonova.planner.supply import Supply
from kilonova.planner.swings import Swing, swings
from kilonova.planner.tables import Tables, named
from kilonova.planner.workload import Workload

__all__ = ["Option", "Plan", "Range", "Source", "make_plan"]


class Range(Struct, frozen=True, kw_only=True):
    """A value, and where eight of ten measurements would have put it."""

    value: float
    low: float
    high: float


class Source(Struct, frozen=True, kw_only=True):
    """Where a figure comes from."""

    what: str
    source: str
    date: str


class Option(Struct, frozen=True, kw_only=True):
    """One way to serve the workload.

    ``utilisation`` is the mean number of requests running over what could run, spares included.
    Latencies are means at the busiest hour. ``peak_kw`` is the draw from the wall that has to be
    provided, ``kwh_a_day`` what is expected to be used. ``capital_usd`` is 0 unless bought.
    """

    accelerator: str
    engine: str
    precision: str
    chips: int
    tensor: int
    experts: int
    running_max: int
    replicas_peak: int
    replicas_mean: float
    chips_peak: int
    hours: tuple[int, ...]
    utilisation: float
    first_token_ms: Range
    token_ms: Range
    peak_kw: float
    kwh_a_day: float
    capital_usd: float
    usd_hour: float
    usd_a_day: Range
    usd_per_million: TokenCost
    idle_chip_hours: float
    margins: tuple[Margin, ...]
    load_curve: tuple[LoadPoint, ...]
    speed_curve: tuple[SpeedPoint, ...]


class Plan(Struct, frozen=True, kw_only=True):
    """``considered`` is how many ways work; ``swings`` are of the first option."""

    model: str
    workload: Workload
    supply: Supply
    considered: int
    options: tuple[Option, ...]
    swings: tuple[Swing, ...]
    sources: tuple[Source, ...]


def make_plan(
    workload: Workload,
    supply: Supply,
    *,
    model: str | ModelShape,
    tables: Tables,
    price_lists: tuple[str, ...] = (),
    top: int = 5,
) -> Plan:
    """The ``top`` cheapest kinds of machine and precision, cheapest first.

    Raises InvalidRequest for what cannot be; its message says the nearest that would work.
    """
    shape = named(tables.models, model, what="model") if isinstance(model, str) else model
    lists = [named(tables.prices, name, what="price list") for name in price_lists or tables.prices]
    found = search(workload, shape, supply, tables=tables)
    best = _distinct(found, top)
    options = [
        _option(
            found,
            at,
            workload=workload,
            tables=tables,
            money=margins(found, at, workload, lists=lists),
        )
        for at in best
    ]
    return Plan(
        model=shape.name,
        workload=workload,
        supply=supply,
        considered=len(found.configurations),
        options=tuple(options),
        swings=swings(workload, supply, best=found.configurations[0], tables=tables),
        sources=_sources(found, best, tables=tables, shape=shape),
    )


def _distinct(found: Search, top: int) -> list[int]:
    """The cheapest of each accelerator and precision; neighbours that differ little are out."""
    seen: dict[tuple[str, str], int] = {}
    for at, row in enumerate(found.configurations):
        seen.setdefault((row.accelerator.name, row.precision.name), at)
    return list(seen.values())[:top]


def _option(
    found: Search, at: int, *, workload: Workload, tables: Tables, money: tuple[Margin, ...]
) -> Option:
    row, price, fit = found.configurations[at], found.prices[at], tables.fit
    replicas = found.fleet.replicas[at]
    # Hours with one rate are worked out once: their replicas, requests and draw are the same.
    rates, hours = np.unique(workload.hourly_rate() / replicas, return_inverse=True)
    columns, traffic = found.columns.take(np.full(len(rates), at)), workload.traffic(len(rates))
    most = np.full(len(rates), found.running[at])
    now = running_at(columns, fit.constants, rate=rates, traffic=traffic, most=most)
    times = latency(columns, fit.constants, running=np.maximum(now, 1.0), traffic=traffic)
    drawn = chip_w(columns, running=now, traffic=traffic, times=times)[hours]
    hourly, busiest = now[hours], int(np.argmax(now))
    chips_peak = replicas.max() * row.layout.chips
    # Of the wall's kilowatts, what the chip draws of its most.
    busy = drawn / row.accelerator.power_w
    kwh = float(np.sum(replicas * row.layout.chips * price.kw * busy))
    return Option(
        accelerator=row.accelerator.name,
        engine=row.engine,
        precision=row.precision.name,
        chips=row.layout.chips,
        tensor=row.layout.tensor,
        experts=row.layout.experts,
        running_max=int(found.running[at]),
        replicas_peak=int(replicas.max()),
        replicas_mean=float(replicas.mean()),
        chips_peak=int(chips_peak),
        hours=tuple(int(count) for count in replicas),
        utilisation=float(np.sum(hourly * replicas) / np.sum(replicas * found.running[at])),
        first_token_ms=_range(times.first_s[busiest] * 1e3, fit.first.low, fit.first.high),
        token_ms=_range(times.token_s[busiest] * 1e3, fit.token.low, fit.token.high),
        peak_kw=float(chips_peak * price.kw),
        kwh_a_day=kwh,
        capital_usd=float(chips_peak * price.capital_usd),
        usd_hour=price.usd,
        usd_a_day=_cost_range(found, at, workload=workload, tables=tables),
        usd_per_million=token_cost(found, at, workload, constants=fit.constants),
        idle_chip_hours=float(_idle(found.fleet, at) * row.layout.chips),
        margins=money,
        load_curve=load_curve(found, at, workload),
        speed_curve=speed_curve(found, at, workload, constants=fit.constants),
    )


def _idle(fleet: Fleet, at: int) -> float:
    return float(Fleet(replicas=fleet.replicas[at]).idle_hours)


def _range(value: float, low: float, high: float) -> Range:
    return Range(value=float(value), low=float(value * low), high=float(value * high))


def _cost_range(found: Search, at: int, *, workload: Workload, tables: Tables) -> Range:
    """The fleet sized anew for throughputs at both ends of the measured error."""
    through, rates = tables.fit.throughput, workload.hourly_rate()[None, :]
    low, high = (
        float(day_usd(found, at, rates=rates, slower=1 / ratio)[0])
        for ratio in (through.high, through.low)
    )
    return Range(value=float(found.usd_a_day[at]), low=low, high=high)


def _sources(
    found: Search, best: list[int], *, tables: Tables, shape: ModelShape
) -> tuple[Source, ...]:
    fit = tables.fit
    rows = [
        Source(what="step times", source=fit.source, date=fit.date),
        Source(what=f"model {shape.name}", source=shape.source or "given", date=shape.date),
    ]
    for at in best:
        chip, price = found.configurations[at].accelerator, found.prices[at]
        rows.append(Source(what=f"accelerator {chip.name}", source=chip.source, date=chip.date))
        day = price.date.isoformat() if price.date else ""
        rows.append(
            Source(what=f"hour of {chip.name}: {price.usd:.2f} $", source=price.source, date=day)
        )
    return tuple(dict.fromkeys(rows))
