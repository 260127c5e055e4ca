"""Who did what to which: a log that is only added to."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXTS = ("actor", "actor_name", "action", "subject", "subject_name", "detail")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("number", _NUMBER, nullable=False, autoincrement=False),
        sa.Column("at_ms", _NUMBER, nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _TEXTS),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_strict=True,
        sqlite_with_rowid=True,
    )
    op.create_index("audit_by_organisation", "audit", ["organisation_id", "number"])


def downgrade() -> None:
    op.drop_index("audit_by_organisation", table_name="audit")
    op.drop_table("audit")
