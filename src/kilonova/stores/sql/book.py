"""The books as they are read: pages and snapshots, each on a connection of its own.

A snapshot stands still while the writer goes on, in any thread, for as long as it is open. Long
reads belong in a thread: ``await asyncio.to_thread(...)``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec
from msgspec.structs import asdict

from kilonova.core.books import (
    EVERY_RECORD,
    BookedRecord,
    Entry,
    Grouping,
    OpenHold,
    RecordMatch,
    UsageFilter,
    UsageSum,
)
from kilonova.core.corrections import Adjustment, ChargeSum, Closing, StoredInvoice
from kilonova.core.tally import HourSum
from kilonova.stores.sql import compiled
from kilonova.stores.sql.closed_months import (
    read_adjustments,
    read_charges,
    read_closings,
    read_invoices,
)
from kilonova.stores.sql.hours import read_ended, read_hours, read_usage
from kilonova.stores.sql.rows import as_booked_record, read_holds

__all__ = ["EXPORTED", "SqlBook", "SqlView"]

EXPORTED = {
    "notes": compiled.ALL_NOTES,
    "organisations": compiled.ORGANISATIONS,
    "projects": compiled.ALL_PROJECTS,
    "keys": compiled.ALL_KEYS,
    "holds": compiled.HOLDS,
    "usage_records": compiled.RECORDS,
    "entries": compiled.ENTRIES,
    "balances": compiled.BALANCES,
    "spending": compiled.SPENDING,
    "spending_days": compiled.SPENDING_DAYS,
    "usage_facets": compiled.FACETS,
    "usage_hours": compiled.HOURS,
    "alerts": compiled.ALERTS,
    "adjustments": compiled.ALL_ADJUSTMENTS,
    "closings": compiled.CLOSINGS,
    "invoices": compiled.INVOICES,
}


class SqlView:
    """Implements ``core.books.LedgerView`` inside one read transaction."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def records(self) -> Iterator[BookedRecord]:
        return map(as_booked_record, self._connection.execute(compiled.RECORDS))

    def ended(self, chosen: UsageFilter) -> Iterator[BookedRecord]:
        return read_ended(self._connection, chosen)

    def record(self, request_id: str) -> BookedRecord | None:
        rows = self._connection.execute(compiled.RECORD, (request_id,)).fetchall()
        return as_booked_record(rows[0]) if rows else None

    def entries(self) -> Iterator[tuple[str, Entry]]:
        for transaction_id, account, amount_nano in self._connection.execute(compiled.ENTRIES):
            yield transaction_id, Entry(account, amount_nano)

    def entries_of(self, transaction_id: str) -> list[Entry]:
        rows = self._connection.execute(compiled.ENTRIES_OF, (transaction_id,))
        return [Entry(account, amount_nano) for _, account, amount_nano in rows]

    def holds(self) -> list[OpenHold]:
        return read_holds(self._connection)

    def balances(self) -> dict[str, int]:
        return self._amounts(compiled.BALANCES)

    def spending(self) -> dict[str, int]:
        return self._amounts(compiled.SPENDING)

    def spending_by_day(self) -> dict[tuple[str, int], int]:
        rows = self._connection.execute(compiled.SPENDING_DAYS)
        return {(level_id, day): spent_nano for level_id, day, spent_nano in rows}

    def charges(self, chosen: UsageFilter, *, by_day: bool = False) -> list[ChargeSum]:
        return read_charges(self._connection, chosen, by_day=by_day)

    def adjustments(self, chosen: UsageFilter) -> list[Adjustment]:
        return read_adjustments(self._connection, chosen)

    def first_finished_ms(self) -> int | None:
        first: int | None = self._connection.execute(compiled.FIRST_FINISHED).get
        return first

    def closings(self) -> list[Closing]:
        return read_closings(self._connection)

    def invoices(self, organisation_id: str | None = None) -> list[StoredInvoice]:
        return read_invoices(self._connection, organisation_id)

    def damage(self) -> list[str]:
        verdicts = [str(row[0]) for row in self._connection.execute("PRAGMA integrity_check")]
        return [] if verdicts == ["ok"] else verdicts

    def usage(self, chosen: UsageFilter, grouping: tuple[Grouping, ...]) -> list[UsageSum]:
        return read_usage(self._connection, chosen, grouping)

    def hours(self) -> Iterator[HourSum]:
        return read_hours(self._connection)

    def export(self) -> Iterator[bytes]:
        """Every row of every table as a line of JSON; bytes are in base 64."""
        for table, statement in EXPORTED.items():
            cursor = self._connection.execute(statement)
            for row in cursor:
                columns = [column for column, _ in cursor.get_description()]
                values = dict(zip(columns, row, strict=True))
                yield msgspec.json.encode({"table": table, "row": values}) + b"\n"

    def _amounts(self, statement: str) -> dict[str, int]:
        rows: list[Any] = self._connection.execute(statement).fetchall()
        return dict(rows)


# No id of a request is larger: they are ``req_`` and digits and letters.
_BEHIND_ALL = "req`"


class SqlBook:
    """Implements ``core.books.LedgerBook`` over the file at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def snapshot(self) -> Iterator[SqlView]:
        connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.execute("BEGIN")
            yield SqlView(connection)
        finally:
            connection.close()

    def page(
        self,
        chosen: UsageFilter,
        *,
        after: str,
        limit: int,
        match: RecordMatch = EVERY_RECORD,
        is_newest_first: bool = False,
    ) -> list[BookedRecord]:
        everywhere = chosen.organisation_id is None
        if is_newest_first:
            after = after or _BEHIND_ALL
            statement = compiled.NEWEST_PAGE if everywhere else compiled.NEWEST_PAGE_OF_ORGANISATION
        else:
            statement = compiled.RECORD_PAGE if everywhere else compiled.RECORD_PAGE_OF_ORGANISATION
        connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            bindings = _bindings(chosen) | asdict(match) | {"after": after, "limit": limit}
            return [as_booked_record(row) for row in connection.execute(statement, bindings)]
        finally:
            connection.close()


def _bindings(chosen: UsageFilter) -> dict[str, str | int | None]:
    return {
        "organisation_id": chosen.organisation_id,
        "since_ms": chosen.since_ms,
        "until_ms": chosen.until_ms,
    }
