"""Members, sessions, invitations and the members' own keys on disk."""

from typing import Any

import apsw
from msgspec.structs import astuple

from kilonova.core.identity import Key
from kilonova.core.members import Gone, Invitation, Member, MemberKey, Session
from kilonova.stores.audit_facts import Known, member_facts
from kilonova.stores.sql import compiled
from kilonova.stores.sql.audit_chain import noted
from kilonova.stores.sql.operations import Row, Save
from kilonova.stores.sql.rows import key_row
from kilonova.stores.sql.writer import Done, Writer

__all__ = ["SqlMembers"]

_GONE = {
    "member": compiled.MEMBER_DELETE,
    "session": compiled.SESSION_DELETE,
    "sessions": compiled.SESSIONS_DELETE,
    "invitation": compiled.INVITATION_DELETE,
}

Change = Member | Session | Invitation | MemberKey | Key | Gone


class SqlMembers:
    """Implements ``accounts.member_store.MemberStore``. Columns stand in the fields' order."""

    def __init__(self, writer: Writer, reader: apsw.Connection) -> None:
        self._writer = writer
        self._reader = reader

    def write(self, *changes: Change, notes: dict[str, str] | None = None) -> Done:
        rows = [_saving(change) for change in changes]
        rows += [(compiled.NOTE_SAVE, (name, text)) for name, text in (notes or {}).items()]
        known = Known(member=self.member, invitation=self.invitation)
        return self._writer.submit(Save(tuple(rows), entries=noted(member_facts(changes, known))))

    def touch(self, session: Session) -> None:
        self._writer.post(Save(((compiled.SESSION_TOUCH, (session.seen_ms, session.digest)),)))

    def member(self, member_id: str) -> Member | None:
        found = self._members(compiled.MEMBER, member_id)
        return found[0] if found else None

    def members(self, organisation_id: str) -> list[Member]:
        return self._members(compiled.MEMBERS, organisation_id)

    def members_called(self, email: str) -> list[Member]:
        return self._members(compiled.MEMBERS_CALLED, email)

    def members_vouched(self, issuer: str, subject: str) -> list[Member]:
        return self._members(compiled.MEMBERS_VOUCHED, issuer, subject)

    def session(self, digest: bytes) -> Session | None:
        rows = self._rows(compiled.SESSION, digest)
        names = Session.__struct_fields__
        return Session(**dict(zip(names, rows[0], strict=True))) if rows else None

    def invitation(self, digest: bytes) -> Invitation | None:
        rows = self._rows(compiled.INVITATION, digest)
        return _invitation(rows[0]) if rows else None

    def invitation_called(self, invitation_id: str) -> Invitation | None:
        rows = self._rows(compiled.INVITATION_CALLED, invitation_id)
        return _invitation(rows[0]) if rows else None

    def invitations(self, organisation_id: str) -> list[Invitation]:
        found = map(_invitation, self._rows(compiled.INVITATIONS, organisation_id))
        return sorted(found, key=lambda each: each.id)

    def key_of_member(self, member_id: str, project_id: str) -> str | None:
        rows = self._rows(compiled.KEY_OF_MEMBER, member_id, project_id)
        return str(rows[0][0]) if rows else None

    def member_of_key(self, key_id: str) -> str | None:
        rows = self._rows(compiled.MEMBER_OF_KEY, key_id)
        return str(rows[0][0]) if rows else None

    def _members(self, statement: str, *values: str) -> list[Member]:
        names = Member.__struct_fields__
        rows = self._rows(statement, *values)
        return [Member(**dict(zip(names, row, strict=True))) for row in rows]

    def _rows(self, statement: str, *values: str | bytes) -> list[tuple[Any, ...]]:
        # All rows are fetched, so that no cursor stays behind with an old snapshot open.
        return self._reader.execute(statement, values).fetchall()


def _invitation(row: tuple[Any, ...]) -> Invitation:
    return Invitation(**dict(zip(Invitation.__struct_fields__, row, strict=True)))


def _saving(change: Change) -> tuple[str, Row]:
    match change:
        case Member():
            return compiled.MEMBER_SAVE, astuple(change)
        case Session():
            return compiled.SESSION_SAVE, astuple(change)
        case Invitation():
            return compiled.INVITATION_SAVE, astuple(change)
        case MemberKey():
            return compiled.MEMBER_KEY_SAVE, astuple(change)
        case Key():
            return compiled.KEY_SAVE, key_row(change)
        case Gone():
            return _GONE[change.what], (change.of,)
