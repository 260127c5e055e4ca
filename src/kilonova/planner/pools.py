"""Prompts read on some machines and answers written on others, each pool sized for itself.

Neither disturbs the other: steps are not interrupted by prompts, and a prompt waits for prompts
alone. What a prompt leaves in the cache is sent from the one to the other. Costs of the pools add
up, so of each kind of machine the cheapest readers and the cheapest writers are the best pair.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from kilonova.planner.columns import Array, Columns, Configuration
from kilonova.planner.constants import Constants, undisturbed
from kilonova.planner.fleet import Fleet, size, size_queue
from kilonova.planner.memory import running_max
from kilonova.planner.steady import Latency, Traffic, capacity, latency
from kilonova.planner.steps import cache_bytes, prefill_s
from kilonova.planner.supply import HourPrice, usd_a_day
from kilonova.planner.workload import Workload

__all__ = ["BUSY", "Pairs", "Readers", "no_readers", "pair", "sending_s", "written_only"]

# Without a target, a prompt waits on average for as long as it is read: a queue of random arrivals
# and equal times (M/D/1) waits rho/(2(1-rho)) times that, which is 1 at two thirds.
BUSY = 2 / 3
_BUSY_MOST = 0.9
_RUNNING_MAX = 4_096
_Rows = NDArray[np.int64]


class Readers(Struct, frozen=True, kw_only=True):
    """The machines that only read, beside each row of a search; arrays (n,), the fleet (n, 24).

    ``read_s`` is what a prompt takes of a replica, ``busy`` the share of time for which one may be.
    Rows that read where they write have 0 ``chips``.
    """

    configurations: tuple[Configuration | None, ...]
    chips: Array
    read_s: Array
    busy: Array
    fleet: Fleet

    def take(self, rows: NDArray[np.generic]) -> "Readers":
        """The chosen rows, by index."""
        return Readers(
            configurations=tuple(self.configurations[at] for at in rows.tolist()),
            chips=self.chips[rows],
            read_s=self.read_s[rows],
            busy=self.busy[rows],
            fleet=Fleet(replicas=self.fleet.replicas[rows]),
        )

    def followed_by(self, more: "Readers") -> "Readers":
        """These rows, and then those of ``more``."""
        return Readers(
            configurations=(*self.configurations, *more.configurations),
            chips=np.concatenate([self.chips, more.chips]),
            read_s=np.concatenate([self.read_s, more.read_s]),
            busy=np.concatenate([self.busy, more.busy]),
            fleet=Fleet(replicas=np.concatenate([self.fleet.replicas, more.fleet.replicas])),
        )


class Pairs(Struct, frozen=True, kw_only=True):
    """Rows of a search: the writers, how many of a replica run at once, and for how long each
    holds its place."""

    writers: tuple[Configuration, ...]
    columns: Columns
    running: Array
    times: Latency
    hold_s: Array
    fleet: Fleet
    readers: Readers


def no_readers(rows: int) -> Readers:
    """For rows that read where they write."""
    return Readers(
        configurations=(None,) * rows,
        chips=np.zeros(rows),
        read_s=np.zeros(rows),
        busy=np.ones(rows),
        fleet=Fleet(replicas=np.zeros((rows, 24))),
    )


def pair(
    candidates: Sequence[Configuration],
    workload: Workload,
    *,
    constants: Constants,
    prices: Sequence[HourPrice],
    spares: int,
) -> Pairs:
    """The best readers and writers of every accelerator, precision and engine; (0,) if none fit."""
    columns, kinds = Columns.of(candidates), _kinds(candidates)
    rate, rows = workload.hourly_rate(), len(candidates)
    writing = written_only(workload.traffic(rows))
    quiet, targets = undisturbed(constants), workload.targets(rows)
    context = writing.input_tokens + writing.output_tokens
    fits = running_max(columns, context=context)
    most = np.minimum(fits, _RUNNING_MAX * columns.copies)
    calm = Latency(np.full(rows, np.inf), targets.token_s)
    running = capacity(columns, quiet, traffic=writing, targets=calm, most=most)
    times = latency(columns, quiet, running=np.maximum(running, 1.0), traffic=writing)
    sent = sending_s(columns, writing)
    hold = sent + times.token_s * writing.output_tokens
    writers = size(rate, request_s=hold, running=running, spares=spares)
    writer = _cheapest(kinds, usd_a_day(writers, columns.chips, prices), running >= 1)

    unread = writing.input_tokens * (1 - workload.cache_share)
    alone = prefill_s(columns, constants, tokens=unread)
    own = alone * columns.copies
    soonest = own + (times.first_s + sent)[writer][kinds]
    is_asked = np.isfinite(targets.first_s)
    slack = np.maximum(np.where(is_asked, targets.first_s, soonest) - soonest, 0.0)
    busy = np.where(is_asked, np.minimum(2 * slack / (own + 2 * slack), _BUSY_MOST), BUSY)
    readers = size_queue(rate, service_s=alone, busy=busy, spares=spares)
    is_held = (fits >= 1) & (busy > 0)
    reader = _cheapest(kinds, usd_a_day(readers, columns.chips, prices), is_held)

    found = np.flatnonzero((running[writer] >= 1) & is_held[reader])
    write, read = writer[found], reader[found]
    wait = own[read] * busy[read] / (2 * (1 - busy[read]))
    return Pairs(
        writers=tuple(candidates[at] for at in write.tolist()),
        columns=columns.take(write),
        running=running[write],
        times=Latency(times.first_s[write] + sent[write] + own[read] + wait, times.token_s[write]),
        hold_s=hold[write],
        fleet=Fleet(replicas=writers.replicas[write]),
        readers=Readers(
            configurations=tuple(candidates[at] for at in read.tolist()),
            chips=columns.chips[read],
            read_s=alone[read],
            busy=busy[read],
            fleet=Fleet(replicas=readers.replicas[read]),
        ),
    )


def written_only(traffic: Traffic) -> Traffic:
    """The same requests where they are only written: all of the input is in the cache."""
    return Traffic(
        input_tokens=traffic.input_tokens,
        output_tokens=traffic.output_tokens,
        cached_tokens=traffic.input_tokens,
        alike=traffic.alike,
    )


def sending_s(columns: Columns, traffic: Traffic) -> Array:
    """One prompt's cache through one card, or the fast link where there is no card."""
    speed = np.where(columns.network > 0, columns.network, columns.link)
    return cache_bytes(columns, traffic.input_tokens) / speed


def _kinds(candidates: Sequence[Configuration]) -> _Rows:
    """Which rows are of one accelerator, precision and engine, (n,), numbered from 0."""
    names = [(row.accelerator.name, row.precision.name, row.engine) for row in candidates]
    number = {name: at for at, name in enumerate(dict.fromkeys(names))}
    return np.array([number[name] for name in names], dtype=np.int64)


def _cheapest(kinds: _Rows, cost: Array, works: NDArray[np.bool_]) -> _Rows:
    """The row of the least cost of every kind; any of its rows where none works."""
    masked = np.where(works & np.isfinite(cost), cost, np.inf)
    order = np.lexsort((masked, kinds))
    first = np.unique(kinds[order], return_index=True)[1]
    return np.asarray(order[first], dtype=np.int64)
