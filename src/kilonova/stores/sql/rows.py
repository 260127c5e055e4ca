"""Rows to values and back. Columns stand in the order of ``tables``: that of the fields."""

from typing import Any

import apsw
from msgspec.structs import astuple

from kilonova.core.books import BookedRecord, OpenHold
from kilonova.core.identity import Key, Limits, Organisation, Project
from kilonova.core.model import Price
from kilonova.core.ports import Hold
from kilonova.core.usage import Usage, UsageRecord
from kilonova.stores.sql.compiled import HOLDS

__all__ = [
    "as_booked_record",
    "as_key",
    "as_open_hold",
    "as_organisation",
    "as_project",
    "key_row",
    "organisation_row",
    "project_row",
    "read_holds",
]

# The tables are STRICT: SQLite guarantees the type of each column.
Row = tuple[Any, ...]

_HELD = Hold.__struct_fields__


def as_open_hold(row: Row) -> OpenHold:
    """A row of ``holds``."""
    hold = Hold(**dict(zip(_HELD, row, strict=False)))
    delivered = row[len(_HELD) :]
    return OpenHold(hold, None if delivered[0] is None else _usage(delivered))


def read_holds(connection: apsw.Connection) -> list[OpenHold]:
    """Every open hold, with its last checkpoint."""
    return [as_open_hold(row) for row in connection.execute(HOLDS)]


def as_booked_record(row: Row) -> BookedRecord:
    """A row of ``usage_records``."""
    names = ("request_id", "organisation_id", "project_id", "key_id", "model_id", "dialect")
    record = UsageRecord(
        **dict(zip(names, row[:6], strict=True)),
        outcome=row[6],
        usage=_usage(row[7:12]),
        price_nano=row[12],
        currency=row[13],
        price_version=row[14],
        started_ms=row[15],
        finished_ms=row[16],
        first_token_ms=row[17],
        shortfall_nano=row[18],
    )
    return BookedRecord(record, _price(row[19:23], currency=row[13], version=row[14]))


def as_organisation(row: Row) -> Organisation:
    """A row of ``organisations``."""
    return Organisation(id=row[0], name=row[1], limits=_limits(row[2:5]), created_ms=row[5])


def organisation_row(organisation: Organisation) -> Row:
    """What ``organisations`` keeps."""
    limits = astuple(organisation.limits)
    return (organisation.id, organisation.name, *limits, organisation.created_ms)


def as_project(row: Row) -> Project:
    """A row of ``projects``."""
    return Project(
        id=row[0],
        organisation_id=row[1],
        name=row[2],
        limits=_limits(row[3:6]),
        created_ms=row[6],
    )


def project_row(project: Project) -> Row:
    """What ``projects`` keeps."""
    limits = astuple(project.limits)
    return (project.id, project.organisation_id, project.name, *limits, project.created_ms)


def as_key(row: Row) -> Key:
    """A row of ``keys``."""
    return Key(
        **dict(zip(Key.__struct_fields__[:8], row[:8], strict=True)),
        limits=_limits(row[8:11]),
        created_ms=row[11],
        expires_ms=row[12],
        revoked_ms=row[13],
    )


def key_row(key: Key) -> Row:
    """What ``keys`` keeps."""
    fields = astuple(key)
    return (*fields[:8], *astuple(key.limits), *fields[9:])


def _usage(counts: Row) -> Usage:
    return Usage(**dict(zip(Usage.__struct_fields__, counts, strict=True)))


def _limits(row: Row) -> Limits:
    return Limits(**dict(zip(Limits.__struct_fields__, row, strict=True)))


def _price(rates: Row, *, currency: str, version: str) -> Price:
    names = ("input", "cache_read", "cache_write", "output")
    return Price(currency=currency, version=version, **dict(zip(names, rates, strict=True)))
