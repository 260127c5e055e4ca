"""The shelf: what callers left here to ask for again, and how much of it a project has."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "items",
        *[sa.Column(name, sa.Text(), nullable=False) for name in _KEY],
        sa.Column("created_ms", _NUMBER, nullable=False),
        sa.Column("expires_ms", _NUMBER),
        sa.Column("content_bytes", _NUMBER, nullable=False),
        sa.Column("file", sa.Text()),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(*_KEY),
        sqlite_strict=True,
    )
    op.create_index("items_by_expiry", "items", ["expires_ms"])
    has_file = sa.text("file IS NOT NULL")
    op.create_index("items_by_file", "items", ["file"], sqlite_where=has_file)
    op.create_table(
        "kept",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("items", _NUMBER, nullable=False),
        sa.Column("content_bytes", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("project_id"),
        sa.CheckConstraint("items >= 0", name="items_not_negative"),
        sa.CheckConstraint("content_bytes >= 0", name="content_bytes_not_negative"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("kept")
    op.drop_index("items_by_file", table_name="items")
    op.drop_index("items_by_expiry", table_name="items")
    op.drop_table("items")


_KEY = ("organisation_id", "project_id", "kind", "id")
