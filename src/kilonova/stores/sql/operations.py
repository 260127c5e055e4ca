"""What can be asked of the writer, and how a batch of it becomes few statements.

Rows of one kind go through one ``executemany``, and a batch moves every balance once, however many
requests it carries. Kinds run in the order of a request's life, so a batch that holds several steps
of one request applies them rightly.
"""

from collections import defaultdict
from collections.abc import Sequence

import apsw
from msgspec import Struct
from msgspec.structs import astuple

from kilonova.core.audit import AuditEntry
from kilonova.core.books import DAY_MS, Entry
from kilonova.core.crash import crash_point
from kilonova.core.ports import Hold
from kilonova.core.usage import Usage, UsageRecord
from kilonova.stores.sql.audit_chain import append_entries
from kilonova.stores.sql.compiled import (
    BALANCE_ADD,
    ENTRY_INSERT,
    HOLD_CHECKPOINT,
    HOLD_DELETE,
    HOLD_INSERT,
    ITEM_DELETE,
    ITEM_INSERT,
    KEPT_ADD,
    KEPT_TAKE,
    RECORD_INSERT,
    SPENDING_ADD,
    SPENDING_DAY_ADD,
)
from kilonova.stores.sql.hours import HourSums

__all__ = ["Checkpoint", "Operation", "Reserve", "Row", "Save", "Settle", "Shelve", "apply"]

Value = str | int | bytes | None
Row = tuple[Value, ...]

_CONTENT_BYTES = 6


class Reserve(Struct, frozen=True, gc=False):
    hold: Hold


class Checkpoint(Struct, frozen=True, gc=False):
    request_id: str
    usage: Usage


class Settle(Struct, frozen=True, gc=False):
    """``hold`` is the one that the record ends: its rates are kept beside the record."""

    record: UsageRecord
    hold: Hold
    entries: tuple[Entry, ...]


class Save(Struct, frozen=True, gc=False):
    """Statements with their rows, in order, and what the audit log says of them. Empty, it is a
    mark in the queue."""

    rows: tuple[tuple[str, Row], ...] = ()
    entries: tuple[AuditEntry, ...] = ()


class Shelve(Struct, frozen=True, gc=False):
    """Takes the item of this key away, and puts ``row`` in its place if there is one.

    With ``expired_by_ms`` it is taken only if it is expired by then: it may be a newer one.
    ``freed`` is filled with the file that nothing refers to any more once this is on disk.
    """

    key: tuple[str, str, str, str]
    freed: list[str]
    row: Row | None = None
    expired_by_ms: int | None = None


Operation = Reserve | Checkpoint | Settle | Save | Shelve


def apply(connection: apsw.Connection, operations: Sequence[Operation], hours: HourSums) -> None:
    """Execute all of them inside the transaction that is open."""
    if reserves := [each for each in operations if isinstance(each, Reserve)]:
        _reserve(connection, reserves)
    if checkpoints := [each for each in operations if isinstance(each, Checkpoint)]:
        _checkpoint(connection, checkpoints)
    if settles := [each for each in operations if isinstance(each, Settle)]:
        _settle(connection, settles)
        hours.add([(settled.record, settled.hold.price) for settled in settles])
        crash_point("settle.hours_written")
    if saves := [each for each in operations if isinstance(each, Save)]:
        _save(connection, saves)
    if shelvings := [each for each in operations if isinstance(each, Shelve)]:
        _shelve(connection, shelvings)


def _reserve(connection: apsw.Connection, operations: list[Reserve]) -> None:
    connection.executemany(HOLD_INSERT, [_hold_row(operation.hold) for operation in operations])
    crash_point("reserve.written")


def _checkpoint(connection: apsw.Connection, operations: list[Checkpoint]) -> None:
    rows = [(*astuple(operation.usage), operation.request_id) for operation in operations]
    connection.executemany(HOLD_CHECKPOINT, rows)
    crash_point("checkpoint.written")


def _settle(connection: apsw.Connection, operations: list[Settle]) -> None:
    connection.executemany(HOLD_DELETE, [(settled.record.request_id,) for settled in operations])
    crash_point("settle.hold_deleted")
    connection.executemany(RECORD_INSERT, [_record_row(settled) for settled in operations])
    crash_point("settle.record_written")
    _post(connection, operations)
    spending: dict[str, int] = defaultdict(int)
    by_day: dict[tuple[str, int], int] = defaultdict(int)
    for settled in operations:
        record = settled.record
        day = record.started_ms // DAY_MS
        for level_id in (record.key_id, record.project_id, record.organisation_id):
            spending[level_id] += record.price_nano
            by_day[level_id, day] += record.price_nano
    connection.executemany(SPENDING_ADD, spending.items())
    days = [(level_id, day, spent_nano) for (level_id, day), spent_nano in by_day.items()]
    connection.executemany(SPENDING_DAY_ADD, days)
    crash_point("settle.spending_written")


def _post(connection: apsw.Connection, operations: list[Settle]) -> None:
    rows: list[Row] = []
    balances: dict[str, int] = defaultdict(int)
    for settled in operations:
        for entry in settled.entries:
            rows.append((settled.record.request_id, entry.account, entry.amount_nano))
            balances[entry.account] += entry.amount_nano
    connection.executemany(ENTRY_INSERT, rows)
    crash_point("settle.entries_written")
    connection.executemany(BALANCE_ADD, balances.items())
    crash_point("settle.balances_written")


def _record_row(settled: Settle) -> Row:
    record, price, cost = settled.record, settled.hold.price, settled.record.cost
    usage = record.usage
    return (
        record.request_id,
        record.organisation_id,
        record.project_id,
        record.key_id,
        record.model_id,
        record.dialect,
        record.outcome,
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        record.price_nano,
        record.currency,
        record.price_version,
        record.started_ms,
        record.finished_ms,
        record.first_token_ms,
        record.shortfall_nano,
        price.input,
        price.cache_read,
        price.cache_write,
        price.output,
        usage.cache_write_long_tokens,
        price.cache_write_long,
        price.reasoning,
        price.discount_ppm,
        record.engine,
        record.service_tier,
        cost.resource,
        cost.currency,
        cost.busy_ns,
        cost.marginal_nano,
        cost.direct_nano,
        cost.energy_uj,
        cost.co2_ug,
        cost.basis,
    )


def _hold_row(hold: Hold) -> Row:
    price = hold.price
    return (
        hold.request_id,
        hold.organisation_id,
        hold.project_id,
        hold.key_id,
        hold.model_id,
        hold.dialect,
        hold.held_nano,
        price.currency,
        price.version,
        price.input,
        price.cache_read,
        price.cache_write,
        price.output,
        hold.input_tokens,
        hold.started_ms,
        price.cache_write_long,
        price.reasoning,
        price.discount_ppm,
        hold.engine,
        hold.service_tier,
    )


def _save(connection: apsw.Connection, operations: list[Save]) -> None:
    for operation in operations:
        for statement, row in operation.rows:
            connection.execute(statement, row)
        if operation.entries:
            append_entries(connection, operation.entries)
    crash_point("accounts.written")


def _shelve(connection: apsw.Connection, operations: list[Shelve]) -> None:
    """One after the other: several may be about the same item."""
    for operation in operations:
        project_id = operation.key[1]
        chosen = (*operation.key, operation.expired_by_ms)
        for content_bytes, file in connection.execute(ITEM_DELETE, chosen).fetchall():
            connection.execute(KEPT_TAKE, (content_bytes, project_id))
            if file is not None:
                operation.freed.append(str(file))
        if operation.row is not None:
            connection.execute(ITEM_INSERT, operation.row)
            content_bytes = operation.row[_CONTENT_BYTES]
            connection.execute(KEPT_ADD, (project_id, 1, content_bytes))
    crash_point("shelf.written")
