"""The tables, described once. Alembic's migrations must arrive at exactly this (a test compares).

Request ids begin with their time, so every table that is keyed by them grows at its end.
Money is in nano-units and times are milliseconds since the epoch; both are whole numbers.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.schema import SchemaItem

__all__ = [
    "balances",
    "entries",
    "holds",
    "items",
    "kept",
    "keys",
    "metadata",
    "notes",
    "organisations",
    "projects",
    "spending",
    "usage_records",
]

metadata = MetaData()

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
_LIMITS = ("requests_per_minute", "tokens_per_minute", "budget_nano")
_RATES = ("price_input", "price_cache_read", "price_cache_write", "price_output")


def _text(name: str, *, is_key: bool = False, is_optional: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=is_key, nullable=is_optional)


def _number(name: str, *, is_optional: bool = False) -> Column[int]:
    return Column(name, _NUMBER, nullable=is_optional)


def _limits() -> list[Column[int]]:
    return [_number(name, is_optional=True) for name in _LIMITS]


def _rates() -> list[Column[int]]:
    return [_number(name) for name in _RATES]


def _never_negative(*names: str) -> list[CheckConstraint]:
    return [CheckConstraint(f"{name} >= 0", name=f"{name}_not_negative") for name in names]


def _table(name: str, *parts: SchemaItem, has_rowid: bool = False) -> Table:
    return Table(name, metadata, *parts, sqlite_strict=True, sqlite_with_rowid=has_rowid)


notes = _table(
    "notes",
    _text("name", is_key=True),
    _text("value"),
)

organisations = _table(
    "organisations",
    _text("id", is_key=True),
    Column("name", Text, nullable=False, unique=True),
    *_limits(),
    _number("created_ms"),
)

projects = _table(
    "projects",
    _text("id", is_key=True),
    _text("organisation_id"),
    _text("name"),
    *_limits(),
    _number("created_ms"),
    Index("projects_by_name", "organisation_id", "name", unique=True),
)

keys = _table(
    "keys",
    _text("id", is_key=True),
    _text("organisation_id"),
    _text("project_id"),
    _text("name"),
    Column("bearer_digest", LargeBinary, unique=True),
    _text("bearer_hint", is_optional=True),
    Column("access_key_id", Text, unique=True),
    Column("secret_encrypted", LargeBinary),
    *_limits(),
    _number("created_ms"),
    _number("expires_ms", is_optional=True),
    _number("revoked_ms", is_optional=True),
    Index("keys_by_project", "project_id"),
)

# The ``delivered`` columns are the checkpoint: all empty until the first one.
holds = _table(
    "holds",
    _text("request_id", is_key=True),
    _text("organisation_id"),
    _text("project_id"),
    _text("key_id"),
    _text("model_id"),
    _text("dialect"),
    _number("held_nano"),
    _text("currency"),
    _text("price_version"),
    *_rates(),
    _number("input_tokens"),
    _number("started_ms"),
    _number("delivered_input", is_optional=True),
    _number("delivered_cache_read", is_optional=True),
    _number("delivered_cache_write", is_optional=True),
    _number("delivered_output", is_optional=True),
    _number("delivered_reasoning", is_optional=True),
    *_never_negative("held_nano"),
)

usage_records = _table(
    "usage_records",
    _text("request_id", is_key=True),
    _text("organisation_id"),
    _text("project_id"),
    _text("key_id"),
    _text("model_id"),
    _text("dialect"),
    _text("outcome"),
    _number("input_tokens"),
    _number("cache_read_tokens"),
    _number("cache_write_tokens"),
    _number("output_tokens"),
    _number("reasoning_tokens"),
    _number("price_nano"),
    _text("currency"),
    _text("price_version"),
    _number("started_ms"),
    _number("finished_ms"),
    _number("first_token_ms", is_optional=True),
    _number("shortfall_nano"),
    *_rates(),
    *_never_negative("price_nano", "shortfall_nano"),
    Index("usage_records_by_organisation", "organisation_id", "finished_ms"),
)

entries = _table(
    "entries",
    _text("transaction_id", is_key=True),
    _text("account", is_key=True),
    _number("amount_nano"),
)

balances = _table(
    "balances",
    _text("account", is_key=True),
    _number("amount_nano"),
)

spending = _table(
    "spending",
    _text("level_id", is_key=True),
    _number("spent_nano"),
)

# What callers left on the shelf, sealed. A content is in its row or, when it is long, in ``file``.
# Rows are wide: with a row id they stand apart from the key that finds them.
items = _table(
    "items",
    _text("organisation_id", is_key=True),
    _text("project_id", is_key=True),
    _text("kind", is_key=True),
    _text("id", is_key=True),
    _number("created_ms"),
    _number("expires_ms", is_optional=True),
    _number("content_bytes"),
    _text("file", is_optional=True),
    Column("head", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("items_by_expiry", "expires_ms"),
    Index("items_by_file", "file", sqlite_where=text("file IS NOT NULL")),
    has_rowid=True,
)

# How much of it there is in a project, moved in the same transaction.
kept = _table(
    "kept",
    _text("project_id", is_key=True),
    _number("items"),
    _number("content_bytes"),
    *_never_negative("items", "content_bytes"),
)
