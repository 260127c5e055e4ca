"""Corrections that can be repeated, expire, and say what they correct."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_COLUMNS = ("refers_to", "client_token", "expires_ms", "tokens")


def upgrade() -> None:
    for name in ("refers_to", "client_token"):
        empty = sa.text("''")
        op.add_column(
            "adjustments", sa.Column(name, sa.Text(), nullable=False, server_default=empty)
        )
    op.add_column("adjustments", sa.Column("expires_ms", _NUMBER))
    zero = sa.text("0")
    op.add_column(
        "adjustments", sa.Column("tokens", _NUMBER, nullable=False, server_default=zero)
    )
    op.create_index(
        "adjustments_by_token",
        "adjustments",
        ["organisation_id", "client_token"],
        unique=True,
        sqlite_where=sa.text("client_token <> ''"),
    )


def downgrade() -> None:
    op.drop_index("adjustments_by_token", table_name="adjustments")
    for name in reversed(_COLUMNS):
        op.drop_column("adjustments", name)
