"""Curves behind a plan: the price of a token against the load, and speed against throughput."""

import numpy as np
from msgspec import Struct

from kilonova.planner.constants import Constants, undisturbed
from kilonova.planner.cost import day_usd
from kilonova.planner.pools import written_only
from kilonova.planner.search import Search
from kilonova.planner.steady import latency
from kilonova.planner.workload import Workload

__all__ = ["LoadPoint", "SpeedPoint", "load_curve", "speed_curve"]

_MILLION = 1e6
_LOADS = np.logspace(-3, 2, 61)
_RUNNING = 2.0 ** np.arange(0, 14, 0.5)


class LoadPoint(Struct, frozen=True):
    """Mean requests a second, and dollars for a million tokens at that load."""

    rate: float
    usd_per_million: float


class SpeedPoint(Struct, frozen=True):
    """With ``running`` requests in a replica: tokens a second of one user, and of one chip."""

    running: float
    user_tokens_s: float
    chip_tokens_s: float


def load_curve(found: Search, at: int, workload: Workload) -> tuple[LoadPoint, ...]:
    """From a thousandth of the load to a hundred times it: whole replicas make it fall in steps."""
    usd = day_usd(found, at, rates=workload.hourly_rate()[None, :] * _LOADS[:, None])
    tokens = workload.requests_a_day * (workload.input_tokens + workload.output_tokens)
    price = usd / (tokens * _LOADS) * _MILLION
    pairs = zip((workload.rate * _LOADS).tolist(), price.tolist(), strict=True)
    return tuple(LoadPoint(rate, value) for rate, value in pairs)


def speed_curve(
    found: Search, at: int, workload: Workload, *, constants: Constants
) -> tuple[SpeedPoint, ...]:
    """The trade of a replica: more requests at once, slower for each, and cheaper."""
    running = np.append(_RUNNING[found.running[at] > _RUNNING], found.running[at])
    rows = len(running)
    columns, traffic = found.columns.take(np.full(rows, at)), workload.traffic(rows)
    chips = columns.chips
    if found.is_apart(at):
        traffic, constants = written_only(traffic), undisturbed(constants)
    times = latency(columns, constants, running=running, traffic=traffic)
    hold = times.request_s(traffic)
    if found.is_apart(at):
        hold = times.token_s * traffic.output_tokens
        # The readers that keep a replica of writers busy.
        chips = chips + running / hold * found.readers.read_s[at] * (
            found.readers.chips[at] / found.readers.busy[at]
        )
    through = running * workload.output_tokens / hold / chips
    triples = zip(running.tolist(), (1 / times.token_s).tolist(), through.tolist(), strict=True)
    return tuple(SpeedPoint(*triple) for triple in triples)
