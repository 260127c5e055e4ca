"""The tables, described once. Alembic's migrations must arrive at exactly this (a test compares).

Request ids begin with their time, so every table that is keyed by them grows at its end.
Money is in nano-units and times are milliseconds since the epoch; both are whole numbers.
"""

from typing import Any

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

from kilonova.core.tally import FACETS, MEASURES

__all__ = [
    "adjustments",
    "alerts",
    "audit",
    "balances",
    "closings",
    "entries",
    "holds",
    "invitations",
    "invoices",
    "items",
    "kept",
    "keys",
    "member_keys",
    "members",
    "metadata",
    "notes",
    "organisations",
    "projects",
    "sessions",
    "spending",
    "spending_days",
    "usage_facets",
    "usage_hours",
    "usage_records",
]

metadata = MetaData()

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
_LIMITS = ("requests_per_minute", "tokens_per_minute", "budget_nano")
_BUDGETS = ("budget_day_nano", "budget_month_nano")
_RATES = ("price_input", "price_cache_read", "price_cache_write", "price_output")


def _text(name: str, *, is_key: bool = False, is_optional: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=is_key, nullable=is_optional)


def _number(name: str, *, is_optional: bool = False) -> Column[int]:
    return Column(name, _NUMBER, nullable=is_optional)


def _limits() -> list[Column[int]]:
    return [_number(name, is_optional=True) for name in _LIMITS]


def _budgets() -> list[Column[Any]]:
    """Limits that came later, behind the columns of the first schema."""
    return [*(_number(name, is_optional=True) for name in _BUDGETS), _later_text("soft_budgets")]


def _rates() -> list[Column[int]]:
    return [_number(name) for name in _RATES]


def _later_rates() -> list[Column[int]]:
    return [
        _number("price_cache_write_long", is_optional=True),
        _number("price_reasoning", is_optional=True),
        _later_number("discount_ppm"),
    ]


def _later_text(name: str, default: str = "") -> Column[str]:
    """A column that older rows have by its default."""
    return Column(name, Text, nullable=False, server_default=text(f"'{default}'"))


def _later_number(name: str) -> Column[int]:
    return Column(name, _NUMBER, nullable=False, server_default=text("0"))


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
    *_budgets(),
)

projects = _table(
    "projects",
    _text("id", is_key=True),
    _text("organisation_id"),
    _text("name"),
    *_limits(),
    _number("created_ms"),
    *_budgets(),
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
    *_budgets(),
    _text("made_by", is_optional=True),
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
    _number("delivered_cache_write_long", is_optional=True),
    *_later_rates(),
    _later_text("engine"),
    _later_text("service_tier", "default"),
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
    _later_number("cache_write_long_tokens"),
    *_later_rates(),
    _later_text("engine"),
    _later_text("service_tier", "default"),
    _later_text("resource"),
    _later_text("cost_currency"),
    _later_number("busy_ns"),
    _later_number("marginal_nano"),
    _later_number("direct_nano"),
    _later_number("energy_uj"),
    _later_number("co2_ug"),
    _later_text("cost_basis"),
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

# The same by the day on which the requests began (days since the epoch, UTC).
spending_days = _table(
    "spending_days",
    _text("level_id", is_key=True),
    Column("day", _NUMBER, primary_key=True),
    _number("spent_nano"),
)

# Records added up by the hour in which they ended, and by what tells their sums apart: core/tally.
# The number of a facet is made of its words.
usage_facets = _table(
    "usage_facets",
    Column("id", _NUMBER, primary_key=True, autoincrement=False),
    *(_text(name) for name in FACETS),
    has_rowid=True,
)

usage_hours = _table(
    "usage_hours",
    Column("hour", _NUMBER, primary_key=True),
    Column("facet_id", _NUMBER, primary_key=True),
    *(_number(name) for name in MEASURES),
)

# A budget of one window that has reached a share of it, in percent; told once.
alerts = _table(
    "alerts",
    _text("level_id", is_key=True),
    _text("budget", is_key=True),
    _text("window_start", is_key=True),
    Column("percent", _NUMBER, primary_key=True),
    _number("budget_nano"),
    _number("spent_nano"),
    _number("raised_ms"),
)

# Money that moves without a request: refunds, credits, corrections. Never edited, never deleted.
adjustments = _table(
    "adjustments",
    _text("id", is_key=True),
    _text("organisation_id"),
    _text("project_id"),
    _text("model_id"),
    _text("request_id"),
    _text("kind"),
    _number("amount_nano"),
    _text("currency"),
    _text("reason"),
    _number("booked_ms"),
    _later_text("refers_to"),
    _later_text("client_token"),
    _number("expires_ms", is_optional=True),
    _later_number("tokens"),
    Index("adjustments_by_organisation", "organisation_id", "booked_ms"),
    Index(
        "adjustments_by_token",
        "organisation_id",
        "client_token",
        unique=True,
        sqlite_where=text("client_token <> ''"),
    ),
)

# A month that is closed, with everything that its statements say, as they were then.
closings = _table(
    "closings",
    _text("period", is_key=True),
    _number("closed_ms"),
    _text("sha256"),
    Column("document", LargeBinary, nullable=False),
)

invoices = _table(
    "invoices",
    _text("period", is_key=True),
    _text("organisation_id", is_key=True),
    Column("number", Text, nullable=False, unique=True),
    _text("sha256"),
    Column("document", LargeBinary, nullable=False),
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

# People. What opens something (passwords, sessions, invitations) is kept as a hash or a digest.
members = _table(
    "members",
    _text("id", is_key=True),
    _text("organisation_id"),
    _text("email"),
    _text("name"),
    _text("role"),
    _text("password_hash"),
    _number("created_ms"),
    # Who the member is for the issuer that vouches; empty where none does.
    Column("issuer", Text, nullable=False, server_default=""),
    Column("subject", Text, nullable=False, server_default=""),
    Index("members_by_email", "email", "organisation_id", unique=True),
    Index(
        *("members_by_subject", "subject", "issuer", "organisation_id"),
        unique=True,
        sqlite_where=text("subject <> ''"),
    ),
    Index("members_by_organisation", "organisation_id"),
)

sessions = _table(
    "sessions",
    Column("digest", LargeBinary, primary_key=True),
    _text("member_id"),
    _number("created_ms"),
    _number("seen_ms"),
    Index("sessions_by_member", "member_id"),
)

invitations = _table(
    "invitations",
    Column("digest", LargeBinary, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    _text("organisation_id"),
    _text("email"),
    _text("role"),
    _number("created_ms"),
    _number("expires_ms"),
    _text("made_by", is_optional=True),
    Index("invitations_by_organisation", "organisation_id"),
)

# Who did what to which, each entry chained to the one before: core/audit. Only added to.
audit = _table(
    "audit",
    Column("number", _NUMBER, primary_key=True, autoincrement=False),
    _number("at_ms"),
    _text("organisation_id"),
    _text("actor"),
    _text("actor_name"),
    _text("action"),
    _text("subject"),
    _text("subject_name"),
    _text("detail"),
    Column("digest", LargeBinary, nullable=False),
    Index("audit_by_organisation", "organisation_id", "number"),
    has_rowid=True,
)

# The key on which a member's own requests in the console are counted, in each project.
member_keys = _table(
    "member_keys",
    _text("member_id", is_key=True),
    _text("project_id", is_key=True),
    Column("key_id", Text, nullable=False, unique=True),
)
