"""Sums of records by the hour, filled from the records that are there."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FACETS = (
    "organisation_id",
    "project_id",
    "key_id",
    "model_id",
    "dialect",
    "engine",
    "service_tier",
    "resource",
    "cost_basis",
    "currency",
    "cost_currency",
)
_COUNTS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cache_write_long_tokens",
)
_AMOUNTS = (
    "shortfall_nano",
    "busy_ns",
    "marginal_nano",
    "direct_nano",
    "energy_uj",
    "co2_ug",
)
_MEASURES = ("requests", *_COUNTS, "price_nano", "discount_nano", *_AMOUNTS)


def upgrade() -> None:
    op.create_table(
        "usage_facets",
        sa.Column("id", _NUMBER, autoincrement=False, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _FACETS),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "usage_hours",
        *(sa.Column(name, _NUMBER, nullable=False) for name in ("hour", "facet_id", *_MEASURES)),
        sa.PrimaryKeyConstraint("hour", "facet_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    _fill()


def downgrade() -> None:
    op.drop_table("usage_hours")
    op.drop_table("usage_facets")


def _fill() -> None:
    """Older facets are numbered in their order. No record had a discount before this revision."""
    facets = sa.table("usage_facets", *(sa.column(name) for name in ("id", *_FACETS)))
    hours = sa.table("usage_hours", *(sa.column(n) for n in ("hour", "facet_id", *_MEASURES)))
    amounts = (sa.column(name, _NUMBER) for name in (*_COUNTS, "price_nano", *_AMOUNTS))
    ended = sa.column("finished_ms", _NUMBER)
    records = sa.table("usage_records", ended, *amounts, *(sa.column(name) for name in _FACETS))
    nothing = sa.literal_column("''", sa.Text())
    paid_in = sa.case(
        (records.c.cost_currency == nothing, records.c.currency), else_=records.c.cost_currency
    )
    words = [records.c[name] for name in _FACETS[:-1]] + [paid_in]
    found = sa.select(*(word.label(name) for word, name in zip(words, _FACETS, strict=True)))
    apart = found.distinct().subquery("apart")
    number = sa.func.row_number().over(order_by=[apart.c[name] for name in _FACETS])
    kept = sa.select(number, *(apart.c[name] for name in _FACETS))
    op.execute(facets.insert().from_select(["id", *_FACETS], kept))
    hour = records.c.finished_ms // sa.literal_column("3600000", sa.Integer())
    is_same = [facets.c[name] == word for name, word in zip(_FACETS, words, strict=True)]
    sums = [sa.func.sum(records.c[name]) for name in _COUNTS]
    zero = sa.literal_column("0", sa.Integer())
    rest = [sa.func.sum(records.c[name]) for name in _AMOUNTS]
    added = sa.select(
        hour, facets.c.id, sa.func.count(), *sums, sa.func.sum(records.c.price_nano), zero, *rest
    )
    added = added.select_from(records.join(facets, sa.and_(*is_same)))
    names = ["hour", "facet_id", *_MEASURES]
    op.execute(hours.insert().from_select(names, added.group_by(hour, facets.c.id)))
