"""What every store of members promises."""

import pytest
from msgspec.structs import replace

from kilonova.accounts.member_store import MemberStore
from kilonova.core.errors import Conflict
from kilonova.core.identity import Key
from kilonova.core.members import Gone, Invitation, Member, MemberKey, Session
from kilonova.stores.memory import MemoryStore
from kilonova.stores.memory_members import MemoryMembers
from kilonova.stores.sql.store import SqlStore

Store = MemoryStore | SqlStore

MEMBER = Member(
    id="mem_1", organisation_id="org_1", email="ada@example.com", name="Ada", role="owner",
    password_hash="$argon2id$…", created_ms=1,
)  # fmt: skip
SESSION = Session(digest=b"\x00one", member_id="mem_1", created_ms=2, seen_ms=3)
INVITATION = Invitation(
    digest=b"\xffinv", id="inv_1", organisation_id="org_1", email="bo@example.com", role="viewer",
    created_ms=4, expires_ms=5, made_by="mem_1",
)  # fmt: skip
KEY = Key(id="key_1", organisation_id="org_1", project_id="proj_1", name="console: Ada")
OWNED = MemberKey(member_id="mem_1", project_id="proj_1", key_id="key_1")


def _members(store: Store) -> MemberStore:
    return MemoryMembers(store.accounts) if isinstance(store, MemoryStore) else store.members


async def test_what_was_written_is_read_back(store: Store) -> None:
    """Protects every field, and that one write is one transaction of all kinds."""
    members = _members(store)
    await members.write(MEMBER, SESSION, INVITATION, KEY, OWNED, notes={"a": "b"})
    assert members.member("mem_1") == MEMBER
    assert members.members("org_1") == members.members_called("ada@example.com") == [MEMBER]
    assert members.session(b"\x00one") == SESSION
    assert members.invitation(b"\xffinv") == members.invitation_called("inv_1") == INVITATION
    assert members.invitations("org_1") == [INVITATION]
    assert members.key_of_member("mem_1", "proj_1") == "key_1"
    assert members.member_of_key("key_1") == "mem_1"
    assert store.accounts.key("key_1") == KEY
    assert store.accounts.note("a") == "b"


async def test_nothing_is_nothing(store: Store) -> None:
    """Protects callers from guesses."""
    members = _members(store)
    assert members.member("mem_x") is members.session(b"x") is members.invitation(b"x") is None
    assert members.members("org_x") == members.members_called("x") == []
    assert members.key_of_member("mem_x", "proj_x") is members.member_of_key("key_x") is None


async def test_an_email_is_unique_in_its_organisation(store: Store) -> None:
    """Protects sign-in: one password for one name, and nothing of a refused write is kept."""
    members = _members(store)
    await members.write(MEMBER)
    with pytest.raises(Conflict):
        await members.write(SESSION, replace(MEMBER, id="mem_2"))
    assert members.session(b"\x00one") is None
    await members.write(replace(MEMBER, id="mem_3", organisation_id="org_2"))
    assert len(members.members_called("ada@example.com")) == 2


async def test_what_is_gone_is_gone(store: Store) -> None:
    """Protects sign-out and removal: only what was named goes."""
    members = _members(store)
    other = replace(SESSION, digest=b"two")
    theirs = replace(SESSION, digest=b"three", member_id="mem_2")
    await members.write(MEMBER, SESSION, other, theirs, INVITATION)
    await members.write(Gone("session", b"\x00one"))
    assert (members.session(b"\x00one"), members.session(b"two")) == (None, other)
    await members.write(Gone("sessions", "mem_1"), Gone("invitation", b"\xffinv"))
    assert (members.session(b"two"), members.session(b"three")) == (None, theirs)
    assert members.invitations("org_1") == []
    await members.write(Gone("member", "mem_1"))
    assert members.member("mem_1") is None


async def test_a_touched_session_stays_gone(store: Store) -> None:
    """Protects sign-out: noting when a session was seen does not bring it back."""
    members = _members(store)
    await members.write(SESSION)
    members.touch(replace(SESSION, seen_ms=9))
    await members.write()
    assert members.session(b"\x00one") == replace(SESSION, seen_ms=9)
    await members.write(Gone("session", b"\x00one"))
    members.touch(replace(SESSION, seen_ms=10))
    await members.write()
    assert members.session(b"\x00one") is None


async def test_a_subject_is_one_member_of_an_organisation(store: Store) -> None:
    """Protects who is vouched for: found by issuer and subject together, unique where one is, and
    members without one do not stand in each other's way."""
    members = _members(store)
    vouched = replace(MEMBER, issuer="https://id.example", subject="42")
    await members.write(MEMBER, replace(MEMBER, id="mem_2", email="bo@example.com"))
    await members.write(vouched)
    assert members.members_vouched("https://id.example", "42") == [vouched]
    assert members.members_vouched("https://other.example", "42") == []
    with pytest.raises(Conflict):
        await members.write(replace(vouched, id="mem_3", email="eve@example.com"))
    abroad = replace(vouched, id="mem_4", organisation_id="org_2")
    await members.write(abroad)
    assert members.members_vouched("https://id.example", "42") == [vouched, abroad]
