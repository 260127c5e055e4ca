"""Members over a store in memory, with quick passwords."""

from dataclasses import dataclass
from typing import Any

from kilonova.accounts.attempts import Attempts
from kilonova.accounts.directory import Directory
from kilonova.accounts.members import MemberParts, Members
from kilonova.accounts.passwords import Passwords
from kilonova.accounts.service import Accounts
from kilonova.accounts.sessions import SessionLimits, Sessions
from kilonova.accounts.vault import Vault
from kilonova.core.identity import SessionCredential
from kilonova.core.members import Applicant, Member, OpenedSession, Role
from kilonova.stores.memory import MemoryAccounts
from kilonova.stores.memory_members import MemoryMembers

PASSWORD = "correct horse battery"
OWNER = Applicant(email="ada@example.com", name="Ada", password=PASSWORD)


@dataclass
class People:
    """Members, and the accounts that they belong to."""

    members: Members
    accounts: Accounts
    directory: Directory
    clock: Any

    async def first_owner(self) -> OpenedSession:
        token = await self.members.new_setup_token()
        assert token is not None, "there is no owner yet"
        return await self.members.set_up(token, OWNER)

    async def new_member(self, organisation_id: str, email: str, role: Role) -> OpenedSession:
        """Invited by the operator, and come."""
        _, token = await self.members.invite(None, organisation_id, email=email, role=role)
        return await self.members.join(token, email.partition("@")[0], PASSWORD)


def open_people(store: MemoryAccounts, vault: Vault, clock: Any, directory: Directory) -> People:
    """Everything of an installation that has to do with people. Hashing takes a thousandth."""
    kept = MemoryMembers(store)
    sessions = Sessions(kept, vault, clock, limits=SessionLimits(idle_s=3600, max_s=86_400))
    parts = MemberParts(
        store=kept,
        accounts=store,
        vault=vault,
        clock=clock,
        sessions=sessions,
        passwords=Passwords(memory_kib=8),
        attempts=Attempts(clock, per_minute=10),
    )
    directory.key_of_session = sessions.key_of
    members = Members(parts)
    accounts = Accounts(store, vault, clock, forget=directory.forget)
    return People(members, accounts, directory, clock)


def shown(opened: OpenedSession, key_id: str = "") -> SessionCredential:
    """What the browser sends in this session."""
    return SessionCredential(token=opened.token, csrf=opened.csrf, key_id=key_id)


def of(opened: OpenedSession) -> Member:
    return opened.member
