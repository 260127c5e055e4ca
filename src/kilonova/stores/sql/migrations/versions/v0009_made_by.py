"""Keys say which member made them; those that are there ask the log, and whose chats they count."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_KEYS = sa.table("keys", sa.column("id", sa.Text), sa.column("made_by", sa.Text))
_AUDIT = sa.table("audit", *(sa.column(name, sa.Text) for name in ("actor", "action", "subject")))
_CONSOLE = sa.table("member_keys", *(sa.column(name, sa.Text) for name in ("member_id", "key_id")))


def upgrade() -> None:
    op.add_column("keys", sa.Column("made_by", sa.Text()))
    said = sa.select(sa.func.min(_AUDIT.c.actor)).where(
        _AUDIT.c.subject == _KEYS.c.id,
        _AUDIT.c.action == op.inline_literal("key.created"),
        sa.func.substr(_AUDIT.c.actor, sa.text("1"), sa.text("4")) == op.inline_literal("mem_"),
    )
    counted = sa.select(_CONSOLE.c.member_id).where(_CONSOLE.c.key_id == _KEYS.c.id)
    known = sa.func.coalesce(counted.scalar_subquery(), said.scalar_subquery())
    op.execute(sa.update(_KEYS).values(made_by=known))


def downgrade() -> None:
    op.drop_column("keys", "made_by")
