"""The durable ledger on the request path: reserve, checkpoint, settle.

It remembers the holds that are open and what every level has spent; both are read from the file
when the ledger opens or first needs them, and only this object changes them afterwards.
"""

from functools import partial

import apsw
from msgspec.structs import replace

from kilonova.core.books import OpenHold, Posting
from kilonova.core.crash import crash_point
from kilonova.core.ports import Hold
from kilonova.core.usage import Usage, UsageRecord
from kilonova.stores.sql.compiled import LAST_DAY, NEWEST, SPENT, SPENT_BY_DAY
from kilonova.stores.sql.operations import Checkpoint, Reserve, Settle
from kilonova.stores.sql.rows import closed_until_ms, read_holds
from kilonova.stores.sql.writer import Done, Writer

__all__ = ["SqlLedger"]


class SqlLedger:
    """Implements ``core.ports.Ledger``. Belongs to the event loop."""

    def __init__(self, writer: Writer, reader: apsw.Connection, posting: Posting) -> None:
        self._writer = writer
        self._reader = reader
        self._posting = posting
        self._left_open = read_holds(reader)
        self._open = {held.hold.request_id: held.hold for held in self._left_open}
        # One number a key, project and organisation that was seen: as many as there are accounts.
        self._spent: dict[str, int] = {}
        # Months before it are closed, or about to be (``SqlCorrections`` moves it).
        self.open_from_ms = closed_until_ms(reader)

    def newest(self) -> tuple[int, str] | None:
        """When the youngest request in the file ended (milliseconds since the epoch), and its
        currency."""
        row = self._reader.execute(NEWEST, {"limit": 1}).fetchone()
        return None if row is None else (int(row[0]), str(row[1]))

    def left_open(self) -> list[OpenHold]:
        """The holds that were open when the file was opened: what a crash left behind."""
        return self._left_open

    def reserve(self, hold: Hold) -> Done:
        assert hold.request_id not in self._open, f"{hold.request_id} was reserved twice"
        self._open[hold.request_id] = hold
        done = self._writer.submit(Reserve(hold))
        done.add_done_callback(partial(self._withdraw, hold.request_id))
        crash_point("reserve.queued")
        return done

    def checkpoint(self, request_id: str, usage: Usage) -> None:
        assert request_id in self._open, f"{request_id} has no open hold"
        self._writer.post(Checkpoint(request_id, usage))

    def settle(self, record: UsageRecord) -> Done:
        hold = self._open.pop(record.request_id, None)
        assert hold is not None, f"{record.request_id} was settled twice or never reserved"
        if record.finished_ms < self.open_from_ms:
            # A clock that went back does not write into a closed month.
            record = replace(record, finished_ms=self.open_from_ms)
        for level_id in (record.key_id, record.project_id, record.organisation_id):
            self._spent[level_id] = self.spent_nano(level_id) + record.price_nano
        done = self._writer.submit(Settle(record, hold, self._posting(record)))
        crash_point("settle.queued")
        return done

    def spent_nano(self, level_id: str) -> int:
        spent = self._spent.get(level_id)
        if spent is None:
            spent = self._reader.execute(SPENT, (level_id,)).get or 0
            self._spent[level_id] = spent
        return spent

    def spent_by_day(self, level_id: str, first_day: int) -> dict[int, int]:
        """From the file, so only for what this process has not settled itself: ask once, first."""
        rows = self._reader.execute(SPENT_BY_DAY, (level_id, first_day))
        return {int(day): int(spent_nano) for day, spent_nano in rows}

    def last_day(self, level_id: str) -> int | None:
        """The last day (since the epoch) on which a request of it began; None without any."""
        day: int | None = self._reader.execute(LAST_DAY, (level_id,)).get
        return day

    def _withdraw(self, request_id: str, reserved: Done) -> None:
        """Forget a hold that was refused. After a cancellation the caller still settles."""
        if not reserved.cancelled() and reserved.exception() is not None:
            self._open.pop(request_id, None)
