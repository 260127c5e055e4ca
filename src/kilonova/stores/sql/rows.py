"""Rows to values and back. Columns stand in the order of ``tables``: that of the fields."""

from datetime import UTC, datetime
from typing import Any

import apsw
from msgspec.structs import astuple

from kilonova.core.books import BookedRecord, OpenHold
from kilonova.core.identity import Key, Limits, Organisation, Project
from kilonova.core.model import Price
from kilonova.core.ports import Hold
from kilonova.core.usage import Cost, Usage, UsageRecord
from kilonova.stores.sql.compiled import HOLDS, LAST_CLOSED

__all__ = [
    "as_booked_record",
    "as_key",
    "as_open_hold",
    "as_organisation",
    "as_project",
    "closed_until_ms",
    "key_row",
    "organisation_row",
    "project_row",
    "read_holds",
]

# The tables are STRICT: SQLite guarantees the type of each column.
Row = tuple[Any, ...]

_HELD = Hold.__struct_fields__[:7]


def as_open_hold(row: Row) -> OpenHold:
    """A row of ``holds``."""
    hold = Hold(
        **dict(zip(_HELD, row[:7], strict=True)),
        price=_price(row[9:13], row[21:24], currency=row[7], version=row[8]),
        input_tokens=row[13],
        started_ms=row[14],
        engine=row[24],
        service_tier=row[25],
    )
    delivered = row[15:21]
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
        usage=_usage((*row[7:12], row[23])),
        price_nano=row[12],
        currency=row[13],
        price_version=row[14],
        started_ms=row[15],
        finished_ms=row[16],
        first_token_ms=row[17],
        shortfall_nano=row[18],
        engine=row[27],
        service_tier=row[28],
        cost=Cost(**dict(zip(Cost.__struct_fields__, row[29:37], strict=True))),
    )
    price = _price(row[19:23], row[24:27], currency=row[13], version=row[14])
    return BookedRecord(record, price)


def as_organisation(row: Row) -> Organisation:
    """A row of ``organisations``."""
    limits = _limits(row[2:5], row[6:9])
    return Organisation(id=row[0], name=row[1], limits=limits, created_ms=row[5])


def organisation_row(organisation: Organisation) -> Row:
    """What ``organisations`` keeps."""
    limits, budgets = _limit_rows(organisation.limits)
    return (organisation.id, organisation.name, *limits, organisation.created_ms, *budgets)


def as_project(row: Row) -> Project:
    """A row of ``projects``."""
    return Project(
        id=row[0],
        organisation_id=row[1],
        name=row[2],
        limits=_limits(row[3:6], row[7:10]),
        created_ms=row[6],
    )


def project_row(project: Project) -> Row:
    """What ``projects`` keeps."""
    limits, budgets = _limit_rows(project.limits)
    owner = (project.id, project.organisation_id, project.name)
    return (*owner, *limits, project.created_ms, *budgets)


def as_key(row: Row) -> Key:
    """A row of ``keys``."""
    return Key(
        **dict(zip(Key.__struct_fields__[:8], row[:8], strict=True)),
        limits=_limits(row[8:11], row[14:17]),
        created_ms=row[11],
        expires_ms=row[12],
        revoked_ms=row[13],
        made_by=row[17],
    )


def key_row(key: Key) -> Row:
    """What ``keys`` keeps."""
    fields = astuple(key)
    limits, budgets = _limit_rows(key.limits)
    return (*fields[:8], *limits, *fields[9:12], *budgets, key.made_by)


def _usage(counts: Row) -> Usage:
    return Usage(**dict(zip(Usage.__struct_fields__, counts, strict=True)))


def _limits(row: Row, later: Row) -> Limits:
    return Limits(
        requests_per_minute=row[0],
        tokens_per_minute=row[1],
        budget_nano=row[2],
        budget_day_nano=later[0],
        budget_month_nano=later[1],
        soft_budgets=tuple(later[2].split()),
    )


def _limit_rows(limits: Limits) -> tuple[Row, Row]:
    """The columns of the first schema, and those that came later."""
    first = (limits.requests_per_minute, limits.tokens_per_minute, limits.budget_nano)
    soft = " ".join(limits.soft_budgets)
    return first, (limits.budget_day_nano, limits.budget_month_nano, soft)


def _price(rates: Row, later: Row, *, currency: str, version: str) -> Price:
    names = ("input", "cache_read", "cache_write", "output")
    return Price(
        currency=currency,
        version=version,
        **dict(zip(names, rates, strict=True)),
        cache_write_long=later[0],
        reasoning=later[1],
        discount_ppm=later[2],
    )


def closed_until_ms(connection: apsw.Connection) -> int:
    """The end of the last closed month, in milliseconds since the epoch; 0 without one."""
    period = connection.execute(LAST_CLOSED).get
    if period is None:
        return 0
    year, month = map(int, str(period).split("-"))
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return round(following.timestamp()) * 1000
