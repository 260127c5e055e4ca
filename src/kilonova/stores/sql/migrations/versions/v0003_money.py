"""Money: prices by more kinds, costs, budgets by day and month, corrections, closed months."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STRICT = {"sqlite_strict": True, "sqlite_with_rowid": False}
_LEVELS = ("key_id", "project_id", "organisation_id")
_OWNERS = ("organisations", "projects", "keys")


def upgrade() -> None:
    for owner in _OWNERS:
        _add(owner, *_optional("budget_day_nano", "budget_month_nano"), _later_text("soft_budgets"))
    rates = ("price_cache_write_long", "price_reasoning")
    _add("holds", *_optional("delivered_cache_write_long", *rates), _later_number("discount_ppm"))
    _add("holds", *_sold())
    _add("usage_records", _later_number("cache_write_long_tokens"), *_optional(*rates))
    _add("usage_records", _later_number("discount_ppm"), *_sold())
    _add("usage_records", *_costs())
    _create_budgets()
    _fill_spending_days()
    _create_corrections()


def downgrade() -> None:
    op.drop_index("adjustments_by_organisation", table_name="adjustments")
    for table in ("invoices", "closings", "adjustments", "alerts", "spending_days"):
        op.drop_table(table)
    rates = ("price_cache_write_long", "price_reasoning", "discount_ppm", "engine", "service_tier")
    costs = [column.name for column in _costs()]
    _drop("usage_records", "cache_write_long_tokens", *rates, *costs)
    _drop("holds", "delivered_cache_write_long", *rates)
    for owner in _OWNERS:
        _drop(owner, "budget_day_nano", "budget_month_nano", "soft_budgets")


def _add(table: str, *columns: sa.Column[Any]) -> None:
    for column in columns:
        op.add_column(table, column)


def _drop(table: str, *names: str) -> None:
    for name in names:
        op.drop_column(table, name)


def _optional(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, _NUMBER) for name in names]


def _later_text(name: str, default: str = "") -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=sa.text(f"'{default}'"))


def _later_number(name: str) -> sa.Column[Any]:
    return sa.Column(name, _NUMBER, nullable=False, server_default=sa.text("0"))


def _sold() -> list[sa.Column[Any]]:
    return [_later_text("engine"), _later_text("service_tier", "default")]


def _costs() -> list[sa.Column[Any]]:
    numbers = ("busy_ns", "marginal_nano", "direct_nano", "energy_uj", "co2_ug")
    return [
        _later_text("resource"),
        _later_text("cost_currency"),
        *(_later_number(name) for name in numbers),
        _later_text("cost_basis"),
    ]


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, _NUMBER, nullable=False) for name in names]


def _create_budgets() -> None:
    op.create_table(
        "spending_days",
        *_texts("level_id"),
        *_numbers("day", "spent_nano"),
        sa.PrimaryKeyConstraint("level_id", "day"),
        **_STRICT,
    )
    op.create_table(
        "alerts",
        *_texts("level_id", "budget", "window_start"),
        *_numbers("percent", "budget_nano", "spent_nano", "raised_ms"),
        sa.PrimaryKeyConstraint("level_id", "budget", "window_start", "percent"),
        **_STRICT,
    )


def _fill_spending_days() -> None:
    """What was spent before days were kept apart."""
    days = sa.table("spending_days", *(sa.column(n) for n in ("level_id", "day", "spent_nano")))
    columns = (sa.column(name, _NUMBER) for name in ("started_ms", "price_nano"))
    records = sa.table("usage_records", *columns, *(sa.column(name) for name in _LEVELS))
    day = records.c.started_ms // sa.literal_column("86400000", sa.Integer())
    for level in _LEVELS:
        spent = sa.select(records.c[level], day, sa.func.sum(records.c.price_nano))
        op.execute(days.insert().from_select(days.c.keys(), spent.group_by(records.c[level], day)))


def _create_corrections() -> None:
    op.create_table(
        "adjustments",
        *_texts("id", "organisation_id", "project_id", "model_id", "request_id", "kind"),
        *_numbers("amount_nano"),
        *_texts("currency", "reason"),
        *_numbers("booked_ms"),
        sa.PrimaryKeyConstraint("id"),
        **_STRICT,
    )
    op.create_index(
        "adjustments_by_organisation", "adjustments", ["organisation_id", "booked_ms"]
    )
    op.create_table(
        "closings",
        *_texts("period"),
        *_numbers("closed_ms"),
        *_texts("sha256"),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("period"),
        **_STRICT,
    )
    op.create_table(
        "invoices",
        *_texts("period", "organisation_id", "number", "sha256"),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("period", "organisation_id"),
        sa.UniqueConstraint("number"),
        **_STRICT,
    )
