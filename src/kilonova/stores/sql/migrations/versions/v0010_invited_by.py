"""Invitations say which member made them. Those that are there have no maker: they stand as they
were, and end within a week."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("invitations", sa.Column("made_by", sa.Text()))


def downgrade() -> None:
    op.drop_column("invitations", "made_by")
