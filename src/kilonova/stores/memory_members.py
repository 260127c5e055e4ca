"""Members, sessions, invitations and the members' own keys in memory: the reference for tests."""

import asyncio

from kilonova.core.errors import Conflict
from kilonova.core.identity import Key
from kilonova.core.members import Gone, Invitation, Member, MemberKey, Session
from kilonova.stores.memory import MemoryAccounts

__all__ = ["MemoryMembers"]

Change = Member | Session | Invitation | MemberKey | Key | Gone


class MemoryMembers:
    """Implements ``accounts.member_store.MemberStore`` beside accounts in memory."""

    def __init__(self, accounts: MemoryAccounts) -> None:
        self._accounts = accounts
        self._members: dict[str, Member] = {}
        self._sessions: dict[bytes, Session] = {}
        self._invitations: dict[bytes, Invitation] = {}
        self._keys: dict[tuple[str, str], str] = {}

    def write(
        self, *changes: Change, notes: dict[str, str] | None = None
    ) -> "asyncio.Future[None]":
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if any(self._is_taken(each) for each in changes if isinstance(each, Member)):
            done.set_exception(Conflict("This e-mail is taken."))
            return done
        for change in changes:
            self._apply(change)
        for name, text in (notes or {}).items():
            self._accounts.save_note(name, text)
        done.set_result(None)
        return done

    def touch(self, session: Session) -> None:
        if session.digest in self._sessions:
            self._sessions[session.digest] = session

    def member(self, member_id: str) -> Member | None:
        return self._members.get(member_id)

    def members(self, organisation_id: str) -> list[Member]:
        found = [each for each in self._members.values() if each.organisation_id == organisation_id]
        return sorted(found, key=lambda each: each.id)

    def members_called(self, email: str) -> list[Member]:
        found = [each for each in self._members.values() if each.email == email]
        return sorted(found, key=lambda each: each.id)

    def members_vouched(self, issuer: str, subject: str) -> list[Member]:
        found = self._members.values()
        same = [each for each in found if (each.issuer, each.subject) == (issuer, subject)]
        return sorted(same, key=lambda each: each.id)

    def session(self, digest: bytes) -> Session | None:
        return self._sessions.get(digest)

    def invitation(self, digest: bytes) -> Invitation | None:
        return self._invitations.get(digest)

    def invitation_called(self, invitation_id: str) -> Invitation | None:
        found = self._invitations.values()
        return next((each for each in found if each.id == invitation_id), None)

    def invitations(self, organisation_id: str) -> list[Invitation]:
        found = self._invitations.values()
        own = [each for each in found if each.organisation_id == organisation_id]
        return sorted(own, key=lambda each: each.id)

    def key_of_member(self, member_id: str, project_id: str) -> str | None:
        return self._keys.get((member_id, project_id))

    def member_of_key(self, key_id: str) -> str | None:
        return next((owner for (owner, _), key in self._keys.items() if key == key_id), None)

    def _is_taken(self, member: Member) -> bool:
        alike = self.members_called(member.email)
        if member.subject:
            alike += self.members_vouched(member.issuer, member.subject)
        return any(
            other.organisation_id == member.organisation_id and other.id != member.id
            for other in alike
        )

    def _apply(self, change: Change) -> None:
        match change:
            case Member():
                self._members[change.id] = change
            case Session():
                self._sessions[change.digest] = change
            case Invitation():
                self._invitations[change.digest] = change
            case MemberKey():
                self._keys[change.member_id, change.project_id] = change.key_id
            case Key():
                self._accounts.save(change)
            case Gone("sessions", member_id):
                kept = self._sessions.items()
                self._sessions = {name: one for name, one in kept if one.member_id != member_id}
            case Gone("member", str(member_id)):
                self._members.pop(member_id, None)
            case Gone("session", bytes(digest)):
                self._sessions.pop(digest, None)
            case Gone("invitation", bytes(digest)):
                self._invitations.pop(digest, None)
