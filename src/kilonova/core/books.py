"""What the ledger's books hold, and the face through which they are read.

Stores write these values, billing posts and audits them; neither knows the other. An amount is a
debit when it is positive and a credit when it is negative, so that a transaction sums to zero.
"""

from asyncio import Future
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from msgspec import Struct

from kilonova.core.corrections import Adjustment, ChargeSum, Closing, StoredInvoice
from kilonova.core.model import Price
from kilonova.core.ports import Hold
from kilonova.core.tally import HourSum
from kilonova.core.usage import Usage, UsageRecord

__all__ = [
    "DAY_MS",
    "EVERY_RECORD",
    "TIME_MS_MAX",
    "BookedRecord",
    "CorrectionBook",
    "Entry",
    "Grouping",
    "LedgerBook",
    "LedgerView",
    "OpenHold",
    "Posted",
    "Posting",
    "RecordMatch",
    "UsageFilter",
    "UsageSum",
]

TIME_MS_MAX = 2**62
DAY_MS = 86_400_000

Grouping = Literal[
    "organisation",
    "project",
    "key",
    "model",
    "dialect",
    "engine",
    "service_tier",
    "resource",
    "cost_basis",
    "hour",
    "day",
    "month",
]


class Entry(Struct, frozen=True):
    """One line of a balanced transaction."""

    account: str
    amount_nano: int


class Posted(Struct, frozen=True):
    """An adjustment beside its entries."""

    adjustment: Adjustment
    entries: tuple[Entry, ...]


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


class RecordMatch(Struct, frozen=True, kw_only=True):
    """What single records are sought by; None matches everything. ``took_ms_min`` and
    ``price_nano_min`` are the least of what matches."""

    model_id: str | None = None
    project_id: str | None = None
    key_id: str | None = None
    dialect: str | None = None
    outcome: str | None = None
    took_ms_min: int | None = None
    price_nano_min: int | None = None


EVERY_RECORD = RecordMatch()


class UsageSum(Struct, frozen=True, kw_only=True):
    """Records added up. ``group`` has one value per grouping; times are in UTC, as
    ``2026-11-23T08`` for an hour, ``2026-11-23`` for a day and ``2026-11`` for a month.

    ``discount_nano`` was taken off before ``price_nano`` was charged. What it took (marginal and
    direct) is in ``cost_currency``; a cost that is not known adds nothing.
    """

    group: tuple[str, ...]
    currency: str
    requests: int
    usage: Usage
    price_nano: int
    shortfall_nano: int
    discount_nano: int = 0
    cost_currency: str = ""
    busy_ns: int = 0
    marginal_nano: int = 0
    direct_nano: int = 0
    energy_uj: int = 0
    co2_ug: int = 0

    @property
    def list_nano(self) -> int:
        """The price before discounts."""
        return self.price_nano + self.discount_nano


class LedgerView(Protocol):
    """The books as they stood at one instant, however long the reading takes."""

    def records(self) -> Iterator[BookedRecord]:
        """Every record, in the order of request ids."""

    def ended(self, chosen: UsageFilter) -> Iterator[BookedRecord]:
        """Those that ended in that time, in the order of request ids."""

    def record(self, request_id: str) -> BookedRecord | None: ...

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every entry with its transaction id; the lines of one transaction come together."""

    def entries_of(self, transaction_id: str) -> list[Entry]:
        """Those of one transaction; a request's has its id."""

    def holds(self) -> list[OpenHold]: ...

    def balances(self) -> dict[str, int]:
        """The kept balance of every account."""

    def spending(self) -> dict[str, int]:
        """The kept spending of every key, project and organisation."""

    def spending_by_day(self) -> dict[tuple[str, int], int]:
        """The same by the day (since the epoch, UTC) on which requests began."""

    def usage(self, chosen: UsageFilter, grouping: tuple[Grouping, ...]) -> list[UsageSum]:
        """Sorted by group. Whole hours come from sums that are kept, so they cost little."""

    def hours(self) -> Iterator[HourSum]:
        """The kept sums of every hour."""

    def charges(self, chosen: UsageFilter, *, by_day: bool = False) -> list[ChargeSum]:
        """What was charged, by everything that decides a price; sorted."""

    def adjustments(self, chosen: UsageFilter) -> list[Adjustment]:
        """Those booked in that time, in the order in which they were."""

    def first_finished_ms(self) -> int | None:
        """The end of the request that ended first."""

    def closings(self) -> list[Closing]:
        """The closed months, oldest first."""

    def invoices(self, organisation_id: str | None = None) -> list[StoredInvoice]:
        """Of closed months, oldest first, of one organisation or of all."""

    def damage(self) -> list[str]:
        """What the storage itself finds wrong with its file; empty when it is whole."""


class LedgerBook(Protocol):
    """Where snapshots come from. Safe to call in any thread."""

    def snapshot(self) -> AbstractContextManager[LedgerView]: ...

    def page(
        self,
        chosen: UsageFilter,
        *,
        after: str,
        limit: int,
        match: RecordMatch = EVERY_RECORD,
        is_newest_first: bool = False,
    ) -> list[BookedRecord]:
        """The next records by request id, beginning behind ``after`` (``""``: from the start, which
        is the last one where the newest come first)."""


class CorrectionBook(Protocol):
    """Where adjustments and closed months are written. Belongs to the event loop.

    The futures are done when all of it is on disk; a crash leaves all of it, or nothing.
    """

    @property
    def open_from_ms(self) -> int:
        """The first instant of the oldest month that is not closed; no record ends before it."""

    async def freeze(self, until_ms: int) -> None:
        """From now on nothing ends before ``until_ms``, and what did is on disk when this returns.

        ``thaw`` takes it back, unless a closing was written since."""

    def thaw(self) -> None: ...

    def adjust(self, posted: Sequence[Posted]) -> "Future[None]": ...

    def close_month(
        self, closing: Closing, invoices: Sequence[StoredInvoice], posted: Sequence[Posted]
    ) -> "Future[None]": ...
