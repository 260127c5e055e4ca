"""People: members, their sessions, invitations, and the keys of their own requests."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _columns(*names: str, kind: Any = None) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind or sa.Text(), nullable=False) for name in names]


def _table(name: str, key: tuple[str, ...], *parts: SchemaItem) -> None:
    key_ = sa.PrimaryKeyConstraint(*key)
    op.create_table(name, *parts, key_, sqlite_strict=True, sqlite_with_rowid=False)


def upgrade() -> None:
    _table(
        "members",
        ("id",),
        *_columns("id", "organisation_id", "email", "name", "role", "password_hash"),
        *_columns("created_ms", kind=_NUMBER),
    )
    op.create_index("members_by_email", "members", ["email", "organisation_id"], unique=True)
    op.create_index("members_by_organisation", "members", ["organisation_id"])
    _table(
        "sessions",
        ("digest",),
        *_columns("digest", kind=sa.LargeBinary()),
        *_columns("member_id"),
        *_columns("created_ms", "seen_ms", kind=_NUMBER),
    )
    op.create_index("sessions_by_member", "sessions", ["member_id"])
    _table(
        "invitations",
        ("digest",),
        *_columns("digest", kind=sa.LargeBinary()),
        *_columns("id", "organisation_id", "email", "role"),
        *_columns("created_ms", "expires_ms", kind=_NUMBER),
        sa.UniqueConstraint("id"),
    )
    op.create_index("invitations_by_organisation", "invitations", ["organisation_id"])
    _table(
        "member_keys",
        ("member_id", "project_id"),
        *_columns("member_id", "project_id", "key_id"),
        sa.UniqueConstraint("key_id"),
    )


def downgrade() -> None:
    op.drop_table("member_keys")
    op.drop_index("invitations_by_organisation", table_name="invitations")
    op.drop_table("invitations")
    op.drop_index("sessions_by_member", table_name="sessions")
    op.drop_table("sessions")
    op.drop_index("members_by_organisation", table_name="members")
    op.drop_index("members_by_email", table_name="members")
    op.drop_table("members")
