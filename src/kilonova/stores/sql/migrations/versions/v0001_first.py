"""The first schema: accounts, holds, usage records and the double-entry book."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STRICT = {"sqlite_strict": True, "sqlite_with_rowid": False}


def upgrade() -> None:
    _create_accounts()
    _create_holds()
    _create_records()
    _create_book()


def downgrade() -> None:
    op.drop_index("usage_records_by_organisation", table_name="usage_records")
    op.drop_index("projects_by_name", table_name="projects")
    op.drop_index("keys_by_project", table_name="keys")
    for table in ("spending", "balances", "entries", "usage_records", "holds"):
        op.drop_table(table)
    for table in ("keys", "projects", "organisations", "notes"):
        op.drop_table(table)


def _texts(*names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text(), nullable=nullable) for name in names]


def _numbers(*names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, _NUMBER, nullable=nullable) for name in names]


def _limits() -> list[sa.Column[Any]]:
    return _numbers("requests_per_minute", "tokens_per_minute", "budget_nano", nullable=True)


def _rates() -> list[sa.Column[Any]]:
    return _numbers("price_input", "price_cache_read", "price_cache_write", "price_output")


def _create_accounts() -> None:
    op.create_table(
        "notes", *_texts("name", "value"), sa.PrimaryKeyConstraint("name"), **_STRICT
    )
    op.create_table(
        "organisations",
        *_texts("id", "name"),
        *_limits(),
        *_numbers("created_ms"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        **_STRICT,
    )
    op.create_table(
        "projects",
        *_texts("id", "organisation_id", "name"),
        *_limits(),
        *_numbers("created_ms"),
        sa.PrimaryKeyConstraint("id"),
        **_STRICT,
    )
    op.create_index("projects_by_name", "projects", ["organisation_id", "name"], unique=True)
    op.create_table(
        "keys",
        *_texts("id", "organisation_id", "project_id", "name"),
        sa.Column("bearer_digest", sa.LargeBinary()),
        *_texts("bearer_hint", "access_key_id", nullable=True),
        sa.Column("secret_encrypted", sa.LargeBinary()),
        *_limits(),
        *_numbers("created_ms"),
        *_numbers("expires_ms", "revoked_ms", nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("bearer_digest"),
        sa.UniqueConstraint("access_key_id"),
        **_STRICT,
    )
    op.create_index("keys_by_project", "keys", ["project_id"])


def _create_holds() -> None:
    op.create_table(
        "holds",
        *_texts("request_id", "organisation_id", "project_id", "key_id", "model_id", "dialect"),
        *_numbers("held_nano"),
        *_texts("currency", "price_version"),
        *_rates(),
        *_numbers("input_tokens", "started_ms"),
        *_numbers("delivered_input", "delivered_cache_read", nullable=True),
        *_numbers("delivered_cache_write", "delivered_output", nullable=True),
        *_numbers("delivered_reasoning", nullable=True),
        sa.PrimaryKeyConstraint("request_id"),
        sa.CheckConstraint("held_nano >= 0", name="held_nano_not_negative"),
        **_STRICT,
    )


def _create_records() -> None:
    op.create_table(
        "usage_records",
        *_texts("request_id", "organisation_id", "project_id", "key_id", "model_id", "dialect"),
        *_texts("outcome"),
        *_numbers("input_tokens", "cache_read_tokens", "cache_write_tokens"),
        *_numbers("output_tokens", "reasoning_tokens", "price_nano"),
        *_texts("currency", "price_version"),
        *_numbers("started_ms", "finished_ms"),
        *_numbers("first_token_ms", nullable=True),
        *_numbers("shortfall_nano"),
        *_rates(),
        sa.PrimaryKeyConstraint("request_id"),
        sa.CheckConstraint("price_nano >= 0", name="price_nano_not_negative"),
        sa.CheckConstraint("shortfall_nano >= 0", name="shortfall_nano_not_negative"),
        **_STRICT,
    )
    op.create_index(
        "usage_records_by_organisation", "usage_records", ["organisation_id", "finished_ms"]
    )


def _create_book() -> None:
    op.create_table(
        "entries",
        *_texts("transaction_id", "account"),
        *_numbers("amount_nano"),
        sa.PrimaryKeyConstraint("transaction_id", "account"),
        **_STRICT,
    )
    op.create_table(
        "balances",
        *_texts("account"),
        *_numbers("amount_nano"),
        sa.PrimaryKeyConstraint("account"),
        **_STRICT,
    )
    op.create_table(
        "spending",
        *_texts("level_id"),
        *_numbers("spent_nano"),
        sa.PrimaryKeyConstraint("level_id"),
        **_STRICT,
    )
