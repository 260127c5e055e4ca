"""Audits the time that requests took of a resource: together never more than went by.

The time of requests is measured by a clock that never goes back, the books by one that somebody can
set. Five minutes, and a thousandth for clocks that are pulled right, are therefore let pass.
"""

from collections import Counter
from collections.abc import Iterator

from kilonova.core.usage import UsageRecord

__all__ = ["BusyAudit"]

_NS_PER_MS = 1_000_000
_SLACK_NS = 300_000 * _NS_PER_MS
_DRIFT = 1000


class BusyAudit:
    """Takes every record once."""

    def __init__(self) -> None:
        self._busy_ns: Counter[str] = Counter()
        self._first_ms: dict[str, int] = {}
        self._last_ms: dict[str, int] = {}

    def add(self, record: UsageRecord) -> None:
        """A record, in any order."""
        name, first, last = record.cost.resource, self._first_ms, self._last_ms
        if not name:
            return
        self._busy_ns[name] += record.cost.busy_ns
        # A clock that was set back meanwhile ends a record before its beginning.
        begun = min(record.started_ms, record.finished_ms)
        ended = max(record.started_ms, record.finished_ms)
        first[name] = min(begun, first.get(name, begun))
        last[name] = max(ended, last.get(name, ended))

    def findings(self) -> Iterator[str]:
        """The resources that worked for longer than there was time."""
        for name, busy_ns in sorted(self._busy_ns.items()):
            elapsed_ns = (self._last_ms[name] - self._first_ms[name]) * _NS_PER_MS
            most_ns = elapsed_ns + elapsed_ns // _DRIFT + _SLACK_NS
            if busy_ns > most_ns:
                yield (
                    f"{name} worked {busy_ns / 1e9:.3f} s for requests that took "
                    f"{elapsed_ns / 1e9:.3f} s from the first to the last"
                )
