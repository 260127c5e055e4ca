"""Adjustments and closed months as they are written: in one transaction each."""

from collections.abc import Sequence

from msgspec.structs import astuple

from kilonova.core.books import Posted
from kilonova.core.corrections import Adjustment, Closing, StoredInvoice
from kilonova.core.crash import crash_point
from kilonova.stores.audit_facts import adjustment_fact, closing_fact
from kilonova.stores.sql import compiled
from kilonova.stores.sql.audit_chain import noted
from kilonova.stores.sql.ledger import SqlLedger
from kilonova.stores.sql.operations import Row, Save
from kilonova.stores.sql.writer import Done, Writer

__all__ = ["SqlCorrections"]


class SqlCorrections:
    """Implements ``core.books.CorrectionBook``."""

    def __init__(self, writer: Writer, ledger: SqlLedger) -> None:
        self._writer = writer
        self._ledger = ledger
        self._closed_until_ms = ledger.open_from_ms

    @property
    def open_from_ms(self) -> int:
        return self._closed_until_ms

    async def freeze(self, until_ms: int) -> None:
        self._ledger.open_from_ms = until_ms
        # A mark in the queue: what was settled before it is on disk when it is.
        await self._writer.submit(Save())

    def thaw(self) -> None:
        self._ledger.open_from_ms = self._closed_until_ms

    def adjust(self, posted: Sequence[Posted]) -> Done:
        told = noted([adjustment_fact(each.adjustment) for each in posted])
        done = self._writer.submit(Save(tuple(_rows(posted)), entries=told))
        crash_point("adjustment.queued")
        return done

    def close_month(
        self, closing: Closing, invoices: Sequence[StoredInvoice], posted: Sequence[Posted]
    ) -> Done:
        rows = _rows(posted)
        rows += [(compiled.INVOICE_INSERT, astuple(invoice)) for invoice in invoices]
        rows.append((compiled.CLOSING_INSERT, astuple(closing)))
        # What follows from closing (credits used, taxes, rounding) stands in the invoices.
        done = self._writer.submit(Save(tuple(rows), entries=noted([closing_fact(closing)])))
        crash_point("closing.queued")
        done.add_done_callback(self._note_closed)
        return done

    def _note_closed(self, done: Done) -> None:
        if not done.cancelled() and done.exception() is None:
            self._closed_until_ms = self._ledger.open_from_ms


def _rows(posted: Sequence[Posted]) -> list[tuple[str, Row]]:
    rows: list[tuple[str, Row]] = []
    for each in posted:
        adjustment = each.adjustment
        rows.append((compiled.ADJUSTMENT_INSERT, _adjustment_row(adjustment)))
        for entry in each.entries:
            row = (adjustment.id, entry.account, entry.amount_nano)
            rows.append((compiled.ENTRY_INSERT, row))
            rows.append((compiled.BALANCE_ADD, (entry.account, entry.amount_nano)))
    return rows


def _adjustment_row(adjustment: Adjustment) -> Row:
    return (
        adjustment.id,
        adjustment.organisation_id,
        adjustment.project_id,
        adjustment.model_id,
        adjustment.request_id,
        adjustment.kind,
        adjustment.amount_nano,
        adjustment.currency,
        adjustment.reason,
        adjustment.booked_ms,
        adjustment.refers_to,
        adjustment.client_token,
        adjustment.expires_ms,
        adjustment.tokens,
    )
