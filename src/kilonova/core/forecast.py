"""What the control plane and the planner share: the traffic that was metered, and a face to plan.

Neither knows the other; a question and its answer travel as JSON documents.
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from kilonova.core.books import UsageSum
from kilonova.core.errors import InvalidRequest
from kilonova.core.tally import HOUR_MS

__all__ = ["Forecast", "Traffic", "traffic_of"]

_HOURS = 24


class Traffic(Struct, frozen=True, kw_only=True):
    """What came in a time: ``rate`` requests a second, with these mean tokens each.

    ``cache_share`` of the input was read before. ``hours`` are requests by the hour of the day, for
    each time that this hour was in it; empty where less than a day was.
    """

    requests: int
    seconds: float
    rate: float
    input_tokens: float
    output_tokens: float
    cache_share: float
    hours: tuple[float, ...]


class Forecast(Protocol):
    """Plans. Called in a thread: it computes for seconds."""

    def plan(self, question: bytes, traffic: Traffic | None) -> bytes:
        """``traffic`` fills what the question leaves open. Raises InvalidRequest."""


def traffic_of(sums: Sequence[UsageSum], *, since_ms: int, until_ms: int) -> Traffic:
    """``sums`` are by hour (the first of their group), and of nothing else than what is planned.

    Raises InvalidRequest (``no_traffic``) where nothing came.
    """
    requests = sum(each.requests for each in sums)
    written = sum(each.usage.output_tokens for each in sums)
    read = sum(each.usage.prompt_tokens for each in sums)
    if not requests or not written or not read or until_ms <= since_ms:
        raise InvalidRequest(
            "No request was answered in that time, so there is no traffic to plan for: name an "
            "earlier beginning, or give rate, input_tokens and output_tokens.",
            param="from_usage",
            reason="no_traffic",
        )
    cached = sum(each.usage.cache_read_tokens for each in sums)
    seconds = (until_ms - since_ms) / 1e3
    return Traffic(
        requests=requests,
        seconds=seconds,
        rate=requests / seconds,
        input_tokens=read / requests,
        output_tokens=written / requests,
        cache_share=min(cached / read, 0.999),
        hours=_by_hour(sums, since_ms=since_ms, until_ms=until_ms),
    )


def _by_hour(sums: Sequence[UsageSum], *, since_ms: int, until_ms: int) -> tuple[float, ...]:
    first, last = since_ms // HOUR_MS, -(-until_ms // HOUR_MS)
    if last - first < _HOURS:
        return ()
    times, found = [0] * _HOURS, [0] * _HOURS
    for hour in range(first, last):
        times[hour % _HOURS] += 1
    for each in sums:
        found[int(each.group[0][-2:])] += each.requests
    return tuple(count / often for count, often in zip(found, times, strict=True))
