"""``kilonova members``: over an installation in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

import kilonova.cli.planes
from kilonova.accounts.service import KeyOrder
from kilonova.accounts.vault import Vault
from kilonova.admin.roster import Roster, RosterPlane
from kilonova.core.audit import Actor, act_as
from kilonova.core.members import Member
from kilonova.home import Home
from kilonova.settings import Settings
from unit.accounts.people import People, open_people
from unit.cli.conftest import Terminal


@pytest.fixture
def people(terminal: Terminal) -> People:
    """Ada is the owner."""
    office = terminal.office
    vault = Vault(bytes(32))
    people = open_people(office.store.accounts, vault, office.clock, office.directory)
    asyncio.run(people.first_owner())
    return people


@pytest.fixture
def forgotten(people: People, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose conversations were deleted."""
    gone: list[str] = []

    async def forget(member: Member) -> None:
        gone.append(member.email)

    @asynccontextmanager
    async def open_roster(
        home: Home, settings: Callable[[], Settings]
    ) -> AsyncIterator[RosterPlane]:
        yield Roster(people.members, forget=forget)

    monkeypatch.setattr(kilonova.cli.planes, "open_roster", open_roster)
    return gone


def _members(terminal: Terminal) -> dict[str, Any]:
    return {each["email"]: each for each in terminal.json("members", "list")["data"]}


def test_people_are_invited_listed_and_changed(terminal: Terminal, forgotten: list[str]) -> None:
    """Protects operators: a link once, members and invitations in one list, by e-mail or id."""
    assert terminal.run("members", "invite", "bo@example.com", "--role", "viewer") == 0
    assert terminal.stdout.startswith("http://127.0.0.1:8040/console/join#kn_invite_")
    assert "bo@example.com" in terminal.stderr
    assert terminal.run("members", "list") == 0
    assert "ada@example.com" in terminal.stdout
    assert "invited until" in terminal.stdout
    assert "password" in terminal.stdout
    ada = _members(terminal)["ada@example.com"]
    assert terminal.run("members", "sign-out", ada["id"]) == 0
    assert "signed out everywhere" in terminal.stdout
    assert terminal.json("members", "role", " Ada@Example.com", "owner")["role"] == "owner"


def test_what_cannot_be_is_named(terminal: Terminal, forgotten: list[str]) -> None:
    """Protects organisations: the last owner stays, and a mistake changes nothing."""
    assert terminal.run("members", "remove", "ada@example.com") != 0
    assert "at least one owner" in terminal.stderr
    assert terminal.run("members", "role", "ada@example.com", "viewer") != 0
    assert terminal.run("members", "remove", "nobody@example.com") == 4
    assert "No member has the e-mail" in terminal.stderr
    assert terminal.run("members", "remove", "mem_nobody") == 4
    assert terminal.run("members", "invite", "nobody") != 0
    assert "not an e-mail address" in terminal.stderr
    assert terminal.run("members", "list", "--organisation", "none") == 4
    assert forgotten == []
    assert _members(terminal)["ada@example.com"]["role"] == "owner"


async def _bo_with_key(terminal: Terminal, people: People) -> str:
    """Bo is a developer and has made a key, whose id this is; the operator has made another."""
    accounts = terminal.office.accounts
    organisation = accounts.organisations()[0]
    joined = await people.new_member(organisation.id, "bo@example.com", "developer")
    project = accounts.projects(organisation.id)[0]
    with act_as(Actor(joined.member.id, "Bo")):
        made = await accounts.create_key(project.id, KeyOrder(name="for CI"))
    return made.key.id


def test_the_keys_of_who_leaves_are_named(
    terminal: Terminal, people: People, forgotten: list[str]
) -> None:
    """Protects organisations: nobody believes that somebody is out whose key still works."""
    key_id = asyncio.run(_bo_with_key(terminal, people))
    assert terminal.run("members", "remove", "bo@example.com") == 0
    assert forgotten == ["bo@example.com"]
    assert f"go on working: {key_id}." in terminal.stderr
    assert terminal.office.accounts.key(key_id).revoked_ms is None


def test_the_keys_of_who_leaves_end_where_that_is_asked(
    terminal: Terminal, people: People, forgotten: list[str]
) -> None:
    """Protects organisations: the member's own keys end, and nobody else's."""
    key_id = asyncio.run(_bo_with_key(terminal, people))
    assert terminal.run("members", "remove", "bo@example.com", "--revoke-keys") == 0
    assert f"Revoked: {key_id}." in terminal.stderr
    states = {each["id"]: each["revoked_at"] for each in terminal.json("keys", "list")["data"]}
    assert states.pop(key_id) is not None
    assert states
    assert set(states.values()) == {None}
