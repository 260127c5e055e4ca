"""What the ledger's books hold, and the face through which they are read.

Stores write these values, billing posts and audits them; neither knows the other. An amount is a
debit when it is positive and a credit when it is negative, so that a transaction sums to zero.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from msgspec import Struct

from kilonova.core.model import Price
from kilonova.core.ports import Hold
from kilonova.core.usage import Usage, UsageRecord

__all__ = [
    "DAY_MS",
    "TIME_MS_MAX",
    "BookedRecord",
    "Entry",
    "Grouping",
    "LedgerBook",
    "LedgerView",
    "OpenHold",
    "Posting",
    "UsageFilter",
    "UsageSum",
]

TIME_MS_MAX = 2**62
DAY_MS = 86_400_000

Grouping = Literal["organisation", "project", "key", "model", "day"]


class Entry(Struct, frozen=True):
    """One line of a balanced transaction."""

    account: str
    amount_nano: int


Posting = Callable[[UsageRecord], tuple[Entry, ...]]


class OpenHold(Struct, frozen=True):
    """A hold that is not settled yet; ``delivered`` is its last durable checkpoint."""

    hold: Hold
    delivered: Usage | None = None


class BookedRecord(Struct, frozen=True):
    """A record beside the rates pinned when its request began, so that it can be recomputed."""

    record: UsageRecord
    price: Price


class UsageFilter(Struct, frozen=True, kw_only=True):
    """Which records count: by their end, ``since_ms`` included, ``until_ms`` excluded."""

    organisation_id: str | None = None
    since_ms: int = 0
    until_ms: int = TIME_MS_MAX


class UsageSum(Struct, frozen=True, kw_only=True):
    """Records added up. ``group`` has one value per grouping; a day is ``2026-11-23`` (UTC)."""

    group: tuple[str, ...]
    currency: str
    requests: int
    usage: Usage
    price_nano: int
    shortfall_nano: int


class LedgerView(Protocol):
    """The books as they stood at one instant, however long the reading takes."""

    def records(self) -> Iterator[BookedRecord]:
        """Every record, in the order of request ids."""

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every entry with its transaction id; the lines of one transaction come together."""

    def holds(self) -> list[OpenHold]: ...

    def balances(self) -> dict[str, int]:
        """The kept balance of every account."""

    def spending(self) -> dict[str, int]:
        """The kept spending of every key, project and organisation."""

    def spending_by_day(self) -> dict[tuple[str, int], int]:
        """The same by the day (since the epoch, UTC) on which requests began."""

    def usage(self, chosen: UsageFilter, grouping: tuple[Grouping, ...]) -> list[UsageSum]: ...

    def damage(self) -> list[str]:
        """What the storage itself finds wrong with its file; empty when it is whole."""


class LedgerBook(Protocol):
    """Where snapshots come from. Safe to call in any thread."""

    def snapshot(self) -> AbstractContextManager[LedgerView]: ...

    def page(self, chosen: UsageFilter, *, after: str, limit: int) -> list[BookedRecord]:
        """The next records by request id, beginning behind ``after`` (``""``: from the start)."""
