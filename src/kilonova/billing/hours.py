"""Audits the sums of each hour: they are the sums of the records that ended in it.

Comparing every sum would need all of them in memory. Instead each hour's totals are compared, and
one fingerprint of all sums: each measure weighted by a number made of its hour and facet. Equal
fingerprints of different sums have a chance of one in 2^61.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from operator import add

from kilonova.core.books import BookedRecord, LedgerView
from kilonova.core.tally import HOUR_MS, MEASURES, Facet, Tally, facet_of, tally_of

__all__ = ["HourAudit"]

_PRIME = 2**61 - 1
_NOTHING: Tally = (0,) * len(MEASURES)


class HourAudit:
    """Takes every record once, then compares with what is kept."""

    def __init__(self) -> None:
        self._totals: dict[int, Tally] = {}
        self._prints = [0] * len(MEASURES)

    def add(self, booked: BookedRecord) -> None:
        """A record, in any order."""
        record = booked.record
        tally = tally_of(record, booked.price)
        hour = record.finished_ms // HOUR_MS
        _add(self._totals, hour, tally)
        _mark(self._prints, _weight(hour, facet_of(record)), tally)

    def findings(self, view: LedgerView) -> Iterator[str]:
        """What differs, as sentences."""
        totals: dict[int, Tally] = {}
        prints = [0] * len(MEASURES)
        for hour, facet, tally in view.hours():
            _add(totals, hour, tally)
            _mark(prints, _weight(hour, facet), tally)
        differ = False
        for hour in sorted(totals.keys() | self._totals.keys()):
            counted, kept = self._totals.get(hour, _NOTHING), totals.get(hour, _NOTHING)
            for name, one, other in zip(MEASURES, counted, kept, strict=True):
                if one != other:
                    differ = True
                    yield f"{name} of {_name(hour)}: records {one}, kept {other}"
        if not differ and prints != self._prints:
            yield "the hours add up, but some are kept for another owner, model or engine"


def _add(totals: dict[int, Tally], hour: int, tally: Tally) -> None:
    before = totals.get(hour)
    totals[hour] = tally if before is None else tuple(map(add, before, tally))


def _mark(prints: list[int], weight: int, tally: Tally) -> None:
    for at, amount in enumerate(tally):
        if amount:
            prints[at] = (prints[at] + weight * amount) % _PRIME


@lru_cache(maxsize=65_536)
def _weight(hour: int, facet: Facet) -> int:
    """Spread evenly over the field, by all words of the place."""
    words = "\x1f".join((str(hour), *facet)).encode()
    return int.from_bytes(blake2b(words, digest_size=16).digest(), "big") % _PRIME


def _name(hour: int) -> str:
    return datetime.fromtimestamp(hour * (HOUR_MS // 1000), UTC).strftime("%Y-%m-%dT%H")
