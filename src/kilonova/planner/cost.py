"""What a token costs, by kind, and what the same tokens would bring at others' price lists."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from kilonova.planner.columns import Array
from kilonova.planner.constants import Constants
from kilonova.planner.fleet import size
from kilonova.planner.search import Search, usd_a_day
from kilonova.planner.steady import latency
from kilonova.planner.steps import prefill_s
from kilonova.planner.tables import PriceList
from kilonova.planner.workload import Workload

__all__ = ["Margin", "TokenCost", "day_usd", "margins", "request_usd", "token_cost"]

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
    """The day's cost, shared by the replica's time: for reading prompts, and for steps."""
    columns, traffic = found.columns.take(np.array([at])), workload.traffic(1)
    running = np.array([found.running[at]])
    uncached = workload.input_tokens - workload.cached_tokens
    times = latency(columns, constants, running=running, traffic=traffic)
    whole = float(times.request_s(traffic)[0] / running[0])
    # What a prompt adds to a full replica's round: to the steps of others, and to their queue.
    engine = int(columns.engine[0])
    added = constants.interference[engine] + constants.queue[engine]
    read = added * float(prefill_s(columns, constants, tokens=np.array([uncached]))[0])
    share = read / whole
    usd = float(found.usd_a_day[at]) / workload.requests_a_day * _MILLION
    tokens = workload.input_tokens + workload.output_tokens
    return TokenCost(
        input=usd * share / uncached,
        cache_read=0.0,
        output=usd * (1 - share) / workload.output_tokens,
        mean=usd / tokens,
    )


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
    """A day's cost at each row of ``rates`` (m, 24), if a request takes ``slower`` times as long.

    Replicas are whole, and spares are included, so half the load does not cost half.
    """
    rows, chips = len(rates), found.columns.chips[at]
    one = (found.times.first_s[at] + found.times.token_s[at] * found.output_tokens) * slower
    fleet = size(
        rates,
        request_s=np.full(rows, one),
        running=np.full(rows, found.running[at]),
        spares=found.spares,
    )
    return usd_a_day(fleet, np.full(rows, chips), [found.prices[at]] * rows)
