"""Sums of records by the hour, written in the transaction that settles them.

What tells sums apart is kept once (``usage_facets``), under a number made of its words, so that a
batch needs to ask nothing: a facet that is there stays. A row of an hour is then numbers alone.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b

import apsw

from kilonova.core.books import TIME_MS_MAX, BookedRecord, Grouping, UsageFilter, UsageSum
from kilonova.core.model import Price
from kilonova.core.tally import FACETS, HOUR_MS, Facet, HourSum, add_up
from kilonova.core.usage import UsageRecord
from kilonova.stores.sql import compiled
from kilonova.stores.sql.rows import as_booked_record
from kilonova.stores.usage_sums import hours_at_once, is_time_alone, usage_sums

__all__ = ["HourSums", "read_ended", "read_hours", "read_usage"]

_FACETS_REMEMBERED = 65_536
_NO_FACET = ("",) * (len(FACETS) - 2)
_Books = dict[int, Facet]


class HourSums:
    """The writer's side. ``forget`` whenever a transaction, or a part of one, was taken back."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._there: set[int] = set()

    def add(self, booked: Iterable[tuple[UsageRecord, Price]]) -> None:
        """Adds records to their hours, inside the transaction that is open."""
        sums = add_up(booked)
        rows: list[tuple[int, ...]] = []
        missing: list[tuple[str | int, ...]] = []
        for (hour, facet), tally in sums.items():
            number = _number(facet)
            rows.append((hour, number, *tally))
            if number not in self._there:
                missing.append((number, *facet))
        if missing:
            self._connection.executemany(compiled.FACET_KEEP, missing)
            self._remember(number for _, number, *_ in rows)
        self._connection.executemany(compiled.HOUR_ADD, rows)

    def forget(self) -> None:
        """What was thought to be there is asked for anew."""
        self._there.clear()

    def _remember(self, numbers: Iterable[int]) -> None:
        if len(self._there) >= _FACETS_REMEMBERED:
            self._there.clear()
        self._there.update(numbers)


def read_hours(connection: apsw.Connection) -> Iterator[HourSum]:
    """Every sum that is kept, by hour."""
    facets = _facets(connection)
    for hour, number, *tally in connection.execute(compiled.HOURS):
        yield hour, facets[number], tuple(tally)


def read_usage(
    connection: apsw.Connection, chosen: UsageFilter, grouping: tuple[Grouping, ...]
) -> list[UsageSum]:
    """From the whole hours of that time, and from the records of those that are cut."""
    return usage_sums(_chosen(connection, chosen, grouping), grouping)


def _chosen(
    connection: apsw.Connection, chosen: UsageFilter, grouping: tuple[Grouping, ...]
) -> Iterator[HourSum]:
    since_ms, until_ms = chosen.since_ms, chosen.until_ms
    first = -(-since_ms // HOUR_MS)
    end = max(until_ms // HOUR_MS, first)
    yield from _whole_hours(connection, chosen, (first, end), grouping=grouping)
    edges = [(since_ms, min(first * HOUR_MS, until_ms))]
    if until_ms < TIME_MS_MAX:
        edges.append((max(end * HOUR_MS, since_ms), until_ms))
    for edge in edges:
        if edge[0] < edge[1]:
            yield from _edge(connection, chosen, edge)


def _whole_hours(
    connection: apsw.Connection,
    chosen: UsageFilter,
    hours: tuple[int, int],
    *,
    grouping: tuple[Grouping, ...],
) -> Iterator[HourSum]:
    """A span that begins inside of a day gives that day two parts, which meet again by name."""
    together = hours_at_once(grouping)
    bindings = {
        "first": hours[0],
        "end": hours[1],
        "together": together,
        "organisation_id": chosen.organisation_id,
    }
    if is_time_alone(grouping):
        for part, currency, cost_currency, *tally in connection.execute(
            compiled.USAGE_BY_TIME, bindings
        ):
            facet = (*_NO_FACET, currency, cost_currency)
            yield part * together, facet, tuple(tally)
        return
    facets = _facets(connection)
    for part, number, *tally in connection.execute(compiled.USAGE, bindings):
        yield part * together, facets[number], tuple(tally)


def _edge(
    connection: apsw.Connection, chosen: UsageFilter, span_ms: tuple[int, int]
) -> Iterator[HourSum]:
    cut = UsageFilter(
        organisation_id=chosen.organisation_id, since_ms=span_ms[0], until_ms=span_ms[1]
    )
    found = read_ended(connection, cut)
    sums = add_up((booked.record, booked.price) for booked in found)
    for (hour, facet), tally in sums.items():
        yield hour, facet, tally


def read_ended(connection: apsw.Connection, chosen: UsageFilter) -> Iterator[BookedRecord]:
    """The records that ended in that time, in the order of request ids."""
    bindings: dict[str, str | int] = {"since_ms": chosen.since_ms, "until_ms": chosen.until_ms}
    if chosen.organisation_id is None:
        found = connection.execute(compiled.RECORDS_ENDED, bindings)
    else:
        bindings["organisation_id"] = chosen.organisation_id
        found = connection.execute(compiled.RECORDS_ENDED_OF_ORGANISATION, bindings)
    return map(as_booked_record, found)


def _facets(connection: apsw.Connection) -> _Books:
    return {number: tuple(facet) for number, *facet in connection.execute(compiled.FACETS)}


@lru_cache(maxsize=_FACETS_REMEMBERED)
def _number(facet: Facet) -> int:
    """The same words have the same number in every process, in the range of SQLite's integers."""
    digest = blake2b("\x1f".join(facet).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
