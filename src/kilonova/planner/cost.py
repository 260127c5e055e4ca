"""What a token costs, by kind, and what the same tokens would bring at others' price lists."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from kilonova.planner.columns import Array
from kilonova.planner.constants import Constants
from kilonova.planner.fleet import Fleet, size, size_queue
from kilonova.planner.search import Search
from kilonova.planner.steady import latency
from kilonova.planner.steps import prefill_s
from kilonova.planner.supply import usd_a_day
from kilonova.planner.tables import PriceList
from kilonova.planner.workload import Workload

__all__ = ["Margin", "TokenCost", "day_usd", "fleets_at", "margins", "request_usd", "token_cost"]

_MILLION = 1e6
# From a ten-thousandth of the load to ten thousand times it, in steps of 6 %.
_SCALES = np.logspace(-4, 4, 321)


class TokenCost(Struct, frozen=True, kw_only=True):
    """US dollars for a million tokens. The three kinds, times their tokens, sum to the whole cost.

    A cached token takes memory, which is in the price of the hour, and no time: it costs nothing of
    its own. ``mean`` is over all tokens, cached ones included.
    """

    input: float
    cache_read: float
    output: float
    mean: float


class Margin(Struct, frozen=True, kw_only=True):
    """One price list: what it makes of a day's tokens, and what is left after our own cost.

    ``breakeven_rate`` is the mean number of requests a second from which on it is cheaper to serve
    oneself; None where it never is.
    """

    price_list: str
    usd_a_day: float
    margin_usd: float
    margin_share: float
    breakeven_rate: float | None


def token_cost(found: Search, at: int, workload: Workload, *, constants: Constants) -> TokenCost:
    """The day's cost, shared by the time of machines: for reading prompts, and for steps."""
    uncached = workload.input_tokens - workload.cached_tokens
    if found.is_apart(at):
        share = _readers_usd(found, at) / float(found.usd_a_day[at])
    else:
        share = _reading_share(found, at, workload, constants=constants)
    usd = float(found.usd_a_day[at]) / workload.requests_a_day * _MILLION
    tokens = workload.input_tokens + workload.output_tokens
    return TokenCost(
        input=usd * share / uncached,
        cache_read=0.0,
        output=usd * (1 - share) / workload.output_tokens,
        mean=usd / tokens,
    )


def _readers_usd(found: Search, at: int) -> float:
    fleet = Fleet(replicas=found.readers.fleet.replicas[[at]])
    return float(usd_a_day(fleet, found.readers.chips[[at]], [found.prices[at]])[0])


def _reading_share(found: Search, at: int, workload: Workload, *, constants: Constants) -> float:
    """What a prompt adds to a full replica's round: to the steps of others, and to their queue."""
    columns, traffic = found.columns.take(np.array([at])), workload.traffic(1)
    uncached = workload.input_tokens - workload.cached_tokens
    engine = int(columns.engine[0])
    added = constants.interference[engine] + constants.queue[engine]
    read = added * float(prefill_s(columns, constants, tokens=np.array([uncached]))[0])
    times = latency(columns, constants, running=found.running[[at]], traffic=traffic)
    return read / float(times.request_s(traffic)[0] / found.running[at])


def margins(
    found: Search, at: int, workload: Workload, *, lists: Sequence[PriceList]
) -> tuple[Margin, ...]:
    """Each price list beside our own cost of the same tokens, and the load where they meet."""
    own = float(found.usd_a_day[at])
    curve = day_usd(found, at, rates=workload.hourly_rate()[None, :] * _SCALES[:, None])
    rows = []
    for prices in lists:
        revenue = request_usd(prices, workload) * workload.requests_a_day
        meets = np.flatnonzero(curve <= revenue * _SCALES)
        rows.append(
            Margin(
                price_list=prices.name,
                usd_a_day=revenue,
                margin_usd=revenue - own,
                margin_share=1 - own / revenue,
                breakeven_rate=float(workload.rate * _SCALES[meets[0]]) if len(meets) else None,
            )
        )
    return tuple(rows)


def request_usd(prices: PriceList, workload: Workload) -> float:
    """What one request costs at ``prices``."""
    uncached = workload.input_tokens - workload.cached_tokens
    priced = uncached * prices.input + workload.cached_tokens * prices.cache_read
    return (priced + workload.output_tokens * prices.output) / _MILLION


def day_usd(found: Search, at: int, *, rates: Array, slower: float = 1.0) -> Array:
    """A day's cost at each row of ``rates`` (m, 24), if requests take ``slower`` times as long."""
    rows, prices = len(rates), [found.prices[at]] * len(rates)
    writing, reading = fleets_at(found, at, rates=rates, slower=slower)
    usd = usd_a_day(writing, np.full(rows, found.columns.chips[at]), prices)
    return usd + usd_a_day(reading, np.full(rows, found.readers.chips[at]), prices)


def fleets_at(found: Search, at: int, *, rates: Array, slower: float = 1.0) -> tuple[Fleet, Fleet]:
    """Replicas that write and that only read, (m, 24), sized anew for each row of ``rates``.

    Replicas are whole, and spares are included, so half the load does not cost half.
    """
    rows, readers = len(rates), found.readers
    writing = size(
        rates,
        request_s=np.full(rows, found.hold_s[at] * slower),
        running=np.full(rows, found.running[at]),
        spares=found.spares,
    )
    reading = size_queue(
        rates,
        service_s=np.full(rows, readers.read_s[at] * slower),
        busy=np.full(rows, readers.busy[at]),
        spares=found.spares if found.is_apart(at) else 0,
    )
    return writing, reading
