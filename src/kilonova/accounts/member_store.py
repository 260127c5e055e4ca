"""The face of a store of members, as this package needs it."""

from asyncio import Future
from typing import Protocol

from kilonova.core.identity import Key
from kilonova.core.members import Gone, Invitation, Member, MemberKey, Session

__all__ = ["Change", "MemberStore"]

Change = Member | Session | Invitation | MemberKey | Key | Gone


class MemberStore(Protocol):
    """Reads see what is durable. An e-mail is unique in its organisation, and so is a subject."""

    def write(self, *changes: Change, notes: dict[str, str] | None = None) -> "Future[None]":
        """All of them at once, or none; raises Conflict where an e-mail or a subject is
        taken."""

    def touch(self, session: Session) -> None:
        """Saves when a session was last seen; nobody waits, and it may be lost."""

    def member(self, member_id: str) -> Member | None: ...

    def members(self, organisation_id: str) -> list[Member]: ...

    def members_called(self, email: str) -> list[Member]:
        """The members of this e-mail, in all organisations."""

    def members_vouched(self, issuer: str, subject: str) -> list[Member]:
        """The members who are this subject of this issuer, in all organisations."""

    def session(self, digest: bytes) -> Session | None: ...

    def invitation(self, digest: bytes) -> Invitation | None: ...

    def invitation_called(self, invitation_id: str) -> Invitation | None: ...

    def invitations(self, organisation_id: str) -> list[Invitation]: ...

    def key_of_member(self, member_id: str, project_id: str) -> str | None: ...

    def member_of_key(self, key_id: str) -> str | None: ...
