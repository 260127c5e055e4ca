"""One way to serve a workload, worked out: machines by the hour, power, latencies and money."""

import numpy as np
from msgspec import Struct

from kilonova.planner.columns import Array, Columns
from kilonova.planner.constants import Constants, undisturbed
from kilonova.planner.cost import Margin, TokenCost, day_usd, margins, token_cost
from kilonova.planner.curves import LoadPoint, SpeedPoint, load_curve, speed_curve
from kilonova.planner.pools import sending_s, written_only
from kilonova.planner.power import chip_w, reader_w
from kilonova.planner.search import Search
from kilonova.planner.steady import latency, running_at
from kilonova.planner.tables import PriceList, Tables
from kilonova.planner.workload import HOURS, Workload

__all__ = ["CostPart", "Option", "Pool", "Range", "make_option"]


_HOUR_S = 3_600


class Range(Struct, frozen=True, kw_only=True):
    """A value, and where eight of ten measurements would have put it."""

    value: float
    low: float
    high: float


class Pool(Struct, frozen=True, kw_only=True):
    """Replicas that only read prompts: how one is spread, and how many there are by the hour."""

    chips: int
    tensor: int
    experts: int
    replicas_peak: int
    replicas_mean: float
    hours: tuple[int, ...]


class CostPart(Struct, frozen=True, kw_only=True):
    """A part of the cost of a million tokens, in dollars; the parts sum to the whole."""

    what: str
    usd_per_million: float


class Option(Struct, frozen=True, kw_only=True):
    """One way to serve the workload.

    ``readers`` are machines of their own for prompts; the other fields of replicas are then of
    those that write, and ``chips_peak`` counts both. ``utilisation`` is the mean number of requests
    running over what could run, spares included. Latencies are means at the busiest hour.
    ``peak_kw`` is the draw from the wall that has to be provided, ``kwh_a_day`` what is expected to
    be used. ``capital_usd`` is 0 unless bought. ``batch_million_tokens`` a day of the same mix are
    what could be served as batch work by what is paid for and idle in quieter hours.
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
    readers: Pool | None
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
    parts: tuple[CostPart, ...]
    idle_chip_hours: float
    batch_million_tokens: float
    margins: tuple[Margin, ...]
    load_curve: tuple[LoadPoint, ...]
    speed_curve: tuple[SpeedPoint, ...]


class _Hours(Struct, frozen=True):
    """Each hour of the day, (24,): requests in a replica, watts a chip of either pool; and the
    mean latencies of the busiest hour, in seconds."""

    running: Array
    watts: Array
    reader_watts: Array
    first_s: float
    token_s: float


def make_option(
    found: Search, at: int, *, workload: Workload, tables: Tables, lists: tuple[PriceList, ...]
) -> Option:
    """Way ``at`` of a search."""
    row, price, fit = found.configurations[at], found.prices[at], tables.fit
    replicas, readers = found.fleet.replicas[at], found.readers.fleet.replicas[at]
    day = _hours(found, at, workload=workload, constants=fit.constants)
    reader_chips = int(found.readers.chips[at])
    chips_peak = replicas.max() * row.layout.chips + readers.max() * reader_chips
    # Of the wall's kilowatts, what the chip draws of its most.
    watts = replicas * row.layout.chips * day.watts + readers * reader_chips * day.reader_watts
    kwh = float(np.sum(watts) * price.kw / row.accelerator.power_w)
    running = found.running[at]
    idle = (replicas.max() - replicas) * row.layout.chips + (readers.max() - readers) * reader_chips
    idle_hours = float(np.sum(idle))
    speeds = speed_curve(found, at, workload, constants=fit.constants)
    return Option(
        accelerator=row.accelerator.name,
        engine=row.engine,
        precision=row.precision.name,
        chips=row.layout.chips,
        tensor=row.layout.tensor,
        experts=row.layout.experts,
        running_max=int(running),
        replicas_peak=int(replicas.max()),
        replicas_mean=float(replicas.mean()),
        readers=_pool(found, at),
        chips_peak=int(chips_peak),
        hours=tuple(int(count) for count in replicas),
        utilisation=float(np.sum(day.running * replicas) / np.sum(replicas * running)),
        first_token_ms=_range(day.first_s * 1e3, fit.first.low, fit.first.high),
        token_ms=_range(day.token_s * 1e3, fit.token.low, fit.token.high),
        peak_kw=float(chips_peak * price.kw),
        kwh_a_day=kwh,
        capital_usd=float(chips_peak * price.capital_usd),
        usd_hour=price.usd,
        usd_a_day=_cost_range(found, at, workload=workload, tables=tables),
        usd_per_million=token_cost(found, at, workload, constants=fit.constants),
        parts=_parts(found, at, workload=workload, running=day.running),
        idle_chip_hours=idle_hours,
        batch_million_tokens=0.0
        if price.by_hour
        else idle_hours * _HOUR_S * _mixed(workload, speeds[-1].chip_tokens_s) / 1e6,
        margins=margins(found, at, workload, lists=lists),
        load_curve=load_curve(found, at, workload),
        speed_curve=speeds,
    )


def _hours(found: Search, at: int, *, workload: Workload, constants: Constants) -> _Hours:
    replicas = found.fleet.replicas[at]
    # Hours with one rate are worked out once: their replicas, requests and draw are the same.
    rates, hours = np.unique(workload.hourly_rate() / replicas, return_inverse=True)
    rows = np.full(len(rates), at)
    columns, traffic = found.columns.take(rows), workload.traffic(len(rates))
    if found.is_apart(at):
        traffic, constants = written_only(traffic), undisturbed(constants)
    most = np.full(len(rates), found.running[at])
    now = running_at(columns, constants, rate=rates, traffic=traffic, most=most)
    times = latency(columns, constants, running=np.maximum(now, 1.0), traffic=traffic)
    drawn = chip_w(columns, running=now, traffic=traffic, times=times)
    busiest = int(np.argmax(now[hours]))
    first, reader_watts = float(times.first_s[hours][busiest]), np.zeros(HOURS)
    if found.is_apart(at):
        more, reader_watts = _reading(found, at, workload=workload)
        first += float(sending_s(columns, traffic)[0] + more[busiest])
    return _Hours(
        now[hours], drawn[hours], reader_watts, first, float(times.token_s[hours][busiest])
    )


def _reading(found: Search, at: int, *, workload: Workload) -> tuple[Array, Array]:
    """Seconds in which a prompt waits and is read, and watts of a chip that reads; both (24,)."""
    reader = found.readers.configurations[at]
    assert reader is not None
    rate = workload.hourly_rate() / found.readers.fleet.replicas[at]
    busy = np.minimum(rate * found.readers.read_s[at], found.readers.busy[at])
    own = found.readers.read_s[at] * reader.layout.copies
    columns = Columns.of([reader]).take(np.zeros(HOURS, dtype=np.int64))
    tokens = np.full(HOURS, workload.input_tokens - workload.cached_tokens)
    return own + own * busy / (2 * (1 - busy)), reader_w(columns, rate=rate, tokens=tokens)


def _pool(found: Search, at: int) -> Pool | None:
    reader = found.readers.configurations[at]
    if reader is None:
        return None
    replicas = found.readers.fleet.replicas[at]
    return Pool(
        chips=reader.layout.chips,
        tensor=reader.layout.tensor,
        experts=reader.layout.experts,
        replicas_peak=int(replicas.max()),
        replicas_mean=float(replicas.mean()),
        hours=tuple(int(count) for count in replicas),
    )


def _parts(found: Search, at: int, *, workload: Workload, running: Array) -> tuple[CostPart, ...]:
    """What the work itself takes, by part of an hour's price; then what stands ready beside it."""
    price, replicas = found.prices[at], found.fleet.replicas[at]
    readers, rate = found.readers.fleet.replicas[at], workload.hourly_rate()
    chips, reader_chips = found.columns.chips[at], found.readers.chips[at]
    per_million = 1e6 / (workload.requests_a_day * (workload.input_tokens + workload.output_tokens))
    paid = float(found.usd_a_day[at])
    # Chip-hours at work: full replicas' worth of what runs, and prompts one after another.
    work = np.sum(running * replicas) / found.running[at] * chips
    work += np.sum(rate * found.readers.read_s[at]) * reader_chips
    spare = found.spares * (chips + reader_chips * (readers.max() > 0)) * HOURS
    # A fleet that is nearly full may work a hair more than it was sized for.
    work = min(work, paid / price.usd - spare)
    ready = paid / price.usd - work - spare
    rows = [(what, usd * work) for what, usd in price.parts]
    rows += [("crowds and nights", ready * price.usd), ("spares", spare * price.usd)]
    return tuple(
        CostPart(what=what, usd_per_million=float(usd * per_million)) for what, usd in rows
    )


def _mixed(workload: Workload, output_tokens: float) -> float:
    """All tokens, for so many of them that are written."""
    return output_tokens * (1 + workload.input_tokens / workload.output_tokens)


def _range(value: float, low: float, high: float) -> Range:
    return Range(value=value, low=value * low, high=value * high)


def _cost_range(found: Search, at: int, *, workload: Workload, tables: Tables) -> Range:
    """The fleet sized anew for throughputs at both ends of the measured error."""
    through, rates = tables.fit.throughput, workload.hourly_rate()[None, :]
    low, high = (
        float(day_usd(found, at, rates=rates, slower=1 / ratio)[0])
        for ratio in (through.high, through.low)
    )
    return Range(value=float(found.usd_a_day[at]), low=low, high=high)
