"""Members whom an OpenID Connect issuer vouches for: who they are there."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("issuer", "subject"):
        op.add_column("members", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.create_index(
        "members_by_subject",
        "members",
        ["subject", "issuer", "organisation_id"],
        unique=True,
        sqlite_where=sa.text("subject <> ''"),
        postgresql_where=sa.text("subject <> ''"),
    )


def downgrade() -> None:
    op.drop_index("members_by_subject", table_name="members")
    for name in ("subject", "issuer"):
        op.drop_column("members", name)
