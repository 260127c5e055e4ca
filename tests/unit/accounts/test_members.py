"""People come in, are let in, and are kept out."""

from collections.abc import Awaitable
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from kilonova.accounts.directory import Directory
from kilonova.accounts.vault import Vault
from kilonova.core.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    RateLimited,
    Unauthenticated,
)
from kilonova.core.identity import SessionCredential
from kilonova.core.members import ROLES, Role
from kilonova.stores.memory import MemoryAccounts
from unit.accounts.people import OWNER, PASSWORD, People, open_people, shown


@dataclass
class MovedClock:
    now: float = 1_795_392_000.0

    def now_s(self) -> float:
        return self.now

    def monotonic_s(self) -> float:
        return self.now


@pytest.fixture
async def people() -> People:
    store, vault, clock = MemoryAccounts(), Vault(b"m" * 32), MovedClock()
    found = open_people(store, vault, clock, Directory(store, vault, clock))
    await found.accounts.start(can_show_key=False)
    return found


def _organisation(people: People) -> str:
    return people.accounts.organisations()[0].id


async def test_the_first_owner_comes_in_once(people: People) -> None:
    """Protects an installation: the token makes one owner, and neither it nor a new one another."""
    token = await people.members.new_setup_token()
    assert token is not None
    opened = await people.members.set_up(token, OWNER)
    assert (opened.member.role, opened.member.email) == ("owner", "ada@example.com")
    assert people.members.find(shown(opened)).member == opened.member
    with pytest.raises(Unauthenticated):
        await people.members.set_up(token, replace(OWNER, email="eve@example.com"))
    assert await people.members.new_setup_token() is None


async def test_only_the_newest_setup_token_opens(people: People) -> None:
    """Protects against a token that was printed long ago, and against guesses."""
    old = await people.members.new_setup_token()
    new = await people.members.new_setup_token()
    assert old is not None
    assert new is not None
    for wrong in (old, "", "kn_setup_guess"):
        with pytest.raises(Unauthenticated):
            await people.members.set_up(wrong, OWNER)
    assert (await people.members.set_up(new, OWNER)).member.role == "owner"


async def test_signing_in(people: People) -> None:
    """Protects members: their password opens, in any case of the e-mail, and nothing else does."""
    await people.first_owner()
    opened = await people.members.sign_in(" Ada@Example.com ", PASSWORD, None)
    assert people.members.find(shown(opened)).member.name == "Ada"
    said = set()
    for email, password in (("ada@example.com", "wrong"), ("nobody@example.com", PASSWORD)):
        with pytest.raises(Unauthenticated) as refused:
            await people.members.sign_in(email, password, None)
        said.add(refused.value.message)
    assert len(said) == 1, "who exists is not told"


async def test_guessing_is_slowed_down_and_forgiven(people: People) -> None:
    """Protects passwords: ten tries, then a wait; the owner's own right password ends it."""
    await people.first_owner()
    for _ in range(10):
        with pytest.raises(Unauthenticated):
            await people.members.sign_in("ada@example.com", "wrong", None)
    with pytest.raises(RateLimited) as refused:
        await people.members.sign_in("ada@example.com", PASSWORD, None)
    assert refused.value.retry_after_s is not None
    people.clock.now += refused.value.retry_after_s + 1
    await people.members.sign_in("ada@example.com", PASSWORD, None)
    for _ in range(9):
        await people.members.sign_in("ada@example.com", PASSWORD, None)


async def test_sessions_end(people: People) -> None:
    """Protects a browser left alone: idle, old and signed-out sessions open nothing."""
    idle = await people.first_owner()
    people.clock.now += 3601
    with pytest.raises(Unauthenticated):
        people.members.find(shown(idle))
    busy = await people.members.sign_in("ada@example.com", PASSWORD, None)
    for _ in range(25):
        people.clock.now += 3500
        if people.clock.now < 1_795_392_000 + 3601 + 86_400:
            people.members.find(shown(busy))
    with pytest.raises(Unauthenticated):
        people.members.find(shown(busy))
    here = await people.members.sign_in("ada@example.com", PASSWORD, None)
    there = await people.members.sign_in("ada@example.com", PASSWORD, None)
    await people.members.sign_out(people.members.find(shown(here)), everywhere=False)
    with pytest.raises(Unauthenticated):
        people.members.find(shown(here))
    people.members.find(shown(there))
    third = await people.members.sign_in("ada@example.com", PASSWORD, None)
    await people.members.sign_out(people.members.find(shown(third)), everywhere=True)
    for each in (there, third):
        with pytest.raises(Unauthenticated):
            people.members.find(shown(each))


async def test_what_changes_something_needs_the_csrf_token(people: People) -> None:
    """Protects against forged requests: the cookie alone, or another's token, is not enough."""
    opened = await people.first_owner()
    other = await people.members.sign_in("ada@example.com", PASSWORD, None)
    people.members.prove(shown(opened))
    for csrf in ("", "none", other.csrf):
        with pytest.raises(Forbidden):
            people.members.prove(SessionCredential(token=opened.token, csrf=csrf))


async def test_a_new_password_ends_all_other_sessions(people: People) -> None:
    """Protects who changes a password because somebody knows it."""
    old = await people.first_owner()
    with pytest.raises(Unauthenticated):
        await people.members.change_password(old.member, "wrong", "another good one")
    new = await people.members.change_password(old.member, PASSWORD, "another good one")
    with pytest.raises(Unauthenticated):
        people.members.find(shown(old))
    people.members.find(shown(new))
    with pytest.raises(Unauthenticated):
        await people.members.sign_in("ada@example.com", PASSWORD, None)
    await people.members.sign_in("ada@example.com", "another good one", None)


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "ada@example.com", "x" * 257])
async def test_weak_passwords_are_refused(people: People, password: str) -> None:
    """Protects members from themselves, and the server from hashing megabytes."""
    token = await people.members.new_setup_token()
    assert token is not None
    with pytest.raises(InvalidRequest):
        await people.members.set_up(token, replace(OWNER, password=password))
    await people.members.set_up(token, OWNER)


async def test_an_invitation_is_used_once_and_expires(people: People) -> None:
    """Protects organisations: a link that went astray opens nothing twice, nor for ever."""
    owner = (await people.first_owner()).member
    invitation, token = await people.members.invite(
        owner, owner.organisation_id, email="Bo@Example.com", role="developer"
    )
    assert people.members.invitations(owner.organisation_id) == [invitation]
    joined = await people.members.join(token, "Bo", PASSWORD)
    assert (joined.member.email, joined.member.role) == ("bo@example.com", "developer")
    with pytest.raises(NotFound):
        await people.members.join(token, "Bo", PASSWORD)
    _, late = await people.members.invite(
        owner, owner.organisation_id, email="cy@example.com", role="viewer"
    )
    people.clock.now += 8 * 86_400
    with pytest.raises(NotFound):
        await people.members.join(late, "Cy", PASSWORD)
    assert people.members.invitations(owner.organisation_id) == []


async def test_an_invitation_of_a_member_is_a_new_password(people: People) -> None:
    """Protects who forgot the password: no second member, the role stays, old sessions end."""
    owner = await people.first_owner()
    _, token = await people.members.invite(
        owner.member, owner.member.organisation_id, email="ada@example.com", role="viewer"
    )
    renewed = await people.members.join(token, "ignored", "another good one")
    assert (renewed.member.id, renewed.member.role) == (owner.member.id, "owner")
    with pytest.raises(Unauthenticated):
        people.members.find(shown(owner))


async def test_an_older_invitation_opens_no_owner(people: People) -> None:
    """Protects owners from admins: an invitation that was kept from before its member joined, or
    became an owner, is no way into the account."""
    owner = (await people.first_owner()).member
    home = owner.organisation_id
    admin = (await people.new_member(home, "bo@example.com", "admin")).member
    _, before = await people.members.invite(admin, home, email="cy@example.com", role="developer")
    joined = (await people.new_member(home, "cy@example.com", "owner")).member
    with pytest.raises(NotFound):
        await people.members.join(before, "Bo", "not of Cy at all")
    dee = (await people.new_member(home, "dee@example.com", "developer")).member
    _, kept = await people.members.invite(admin, home, email="dee@example.com", role="developer")
    await people.members.set_role(owner, dee.id, "owner")
    with pytest.raises(NotFound):
        await people.members.join(kept, "Bo", "not of Dee at all")
    for each in (joined, dee):
        now = people.members.member(each.id)
        assert now is not None
        assert now.password_hash == each.password_hash


async def test_an_invitation_falls_with_its_maker(people: People) -> None:
    """Protects an organisation from an admin who is let go: the links that they kept are over."""
    owner = (await people.first_owner()).member
    home = owner.organisation_id
    removed = (await people.new_member(home, "bo@example.com", "admin")).member
    demoted = (await people.new_member(home, "cy@example.com", "owner")).member
    _, kept = await people.members.invite(removed, home, email="bo@home.example", role="admin")
    _, lofty = await people.members.invite(demoted, home, email="cy@home.example", role="owner")
    _, modest = await people.members.invite(demoted, home, email="di@home.example", role="viewer")
    await people.members.remove(owner, removed.id)
    await people.members.set_role(owner, demoted.id, "admin")
    for token in (kept, lofty):
        with pytest.raises(NotFound):
            await people.members.join(token, "Bo", PASSWORD)
    assert [each.email for each in people.members.invitations(home)] == ["di@home.example"]
    assert (await people.members.join(modest, "Di", PASSWORD)).member.role == "viewer"


@pytest.mark.parametrize("role", ROLES)
async def test_roles_manage_whom_they_may(people: People, role: Role) -> None:
    """Protects owners from admins, and members from everybody below."""
    first = (await people.first_owner()).member
    home = first.organisation_id
    actor = (await people.new_member(home, "actor@example.com", role)).member
    other = (await people.new_member(home, "other@example.com", "developer")).member

    async def may(work: Awaitable[object]) -> bool:
        try:
            await work
        except Forbidden:
            return False
        return True

    manages, owns = role in ("admin", "owner"), role == "owner"
    invite = people.members.invite
    assert await may(invite(actor, home, email="n@example.com", role="viewer")) is manages
    assert await may(invite(actor, home, email="n@example.com", role="owner")) is owns
    assert await may(invite(actor, home, email=first.email, role="viewer")) is owns
    assert await may(people.members.set_role(actor, other.id, "viewer")) is manages
    assert await may(people.members.set_role(actor, other.id, "owner")) is owns
    assert await may(people.members.set_role(actor, first.id, "viewer")) is owns
    assert await may(people.members.remove(actor, other.id)) is manages


async def test_an_organisation_keeps_an_owner(people: People) -> None:
    """Protects an organisation from locking itself out."""
    owner = (await people.first_owner()).member
    with pytest.raises(Conflict):
        await people.members.set_role(owner, owner.id, "admin")
    with pytest.raises(Conflict):
        await people.members.remove(None, owner.id)
    await people.new_member(owner.organisation_id, "bo@example.com", "owner")
    await people.members.remove(None, owner.id)
    assert [each.email for each in people.members.members(owner.organisation_id)] == [
        "bo@example.com"
    ]


async def test_a_removed_member_is_out_at_once(people: People) -> None:
    """Protects an organisation from who left it."""
    owner = (await people.first_owner()).member
    gone = await people.new_member(owner.organisation_id, "bo@example.com", "admin")
    await people.members.remove(owner, gone.member.id)
    with pytest.raises(Unauthenticated):
        people.members.find(shown(gone))
    with pytest.raises(Unauthenticated):
        await people.members.sign_in("bo@example.com", PASSWORD, None)


async def test_one_person_in_two_organisations_is_two_members(people: People) -> None:
    """Protects organisations from each other: an e-mail in one says nothing about another."""
    owner = (await people.first_owner()).member
    acme = await people.accounts.create_organisation("acme")
    there = (await people.new_member(acme.id, "ada@example.com", "viewer")).member
    assert there.id != owner.id
    with pytest.raises(Conflict) as several:
        await people.members.sign_in("ada@example.com", PASSWORD, None)
    assert several.value.param == "organisation"
    opened = await people.members.sign_in("ada@example.com", PASSWORD, "acme")
    assert opened.member.id == there.id
    with pytest.raises(NotFound):
        await people.members.set_role(owner, there.id, "viewer")
    with pytest.raises(NotFound):
        await people.members.remove(owner, there.id)


async def test_a_session_asks_models_on_the_members_own_key(people: People) -> None:
    """Protects the books: a chat in the console is counted on a key that only its member can use,
    and that is limited and revoked like any other."""
    opened = await people.first_owner()
    project = people.accounts.projects(opened.member.organisation_id)[0]
    key = await people.members.open_key(opened.member, project.id)
    assert await people.members.open_key(opened.member, project.id) == key
    principal = people.directory.principal(shown(opened, key.id))
    assert (principal.key_id, principal.project_id) == (key.id, project.id)
    assert [level.id for level in principal.levels] == [
        key.id, project.id, opened.member.organisation_id,
    ]  # fmt: skip
    other = await people.new_member(opened.member.organisation_id, "bo@example.com", "developer")
    for wrong in (
        shown(other, key.id),
        shown(opened, "key_x"),
        replace(shown(opened, key.id), csrf=""),
    ):
        with pytest.raises(Forbidden):
            people.directory.principal(wrong)
    await people.accounts.revoke_key(key.id)
    with pytest.raises(Unauthenticated):
        people.directory.principal(shown(opened, key.id))
    assert (await people.members.open_key(opened.member, project.id)).id != key.id


async def test_viewers_and_strangers_get_no_key(people: People) -> None:
    """Protects money: who may only look spends nothing, nor does anybody in another's project."""
    owner = await people.first_owner()
    home = owner.member.organisation_id
    viewer = (await people.new_member(home, "vi@example.com", "viewer")).member
    with pytest.raises(Forbidden):
        await people.members.open_key(viewer, people.accounts.projects(home)[0].id)
    acme = await people.accounts.create_organisation("acme")
    theirs = await people.accounts.create_project(acme.id, "lab")
    with pytest.raises(NotFound):
        await people.members.open_key(owner.member, theirs.id)
    was = await people.new_member(home, "de@example.com", "developer")
    key = await people.members.open_key(was.member, people.accounts.projects(home)[0].id)
    await people.members.set_role(owner.member, was.member.id, "viewer")
    with pytest.raises(Forbidden):
        people.directory.principal(shown(was, key.id))


async def test_nothing_that_opens_something_is_kept_or_shown(people: People) -> None:
    """Protects against a stolen table and against logs: tokens and passwords are in neither."""
    opened = await people.first_owner()
    _, token = await people.members.invite(
        None, opened.member.organisation_id, email="bo@example.com", role="viewer"
    )
    texts = [repr(opened), repr(opened.member), repr(shown(opened)), repr(OWNER)]
    kept = people.members._store
    texts += [repr(vars(kept)), repr(people.accounts._store.note("setup_token"))]
    for text in texts:
        for secret in (opened.token, token, PASSWORD):
            assert secret not in text
