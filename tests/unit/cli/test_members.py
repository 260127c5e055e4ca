"""``kilonova members``: over an installation in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

import kilonova.cli.planes
from kilonova.accounts.vault import Vault
from kilonova.admin.roster import Roster, RosterPlane
from kilonova.core.members import Member
from kilonova.home import Home
from kilonova.settings import Settings
from unit.accounts.people import open_people
from unit.cli.conftest import Terminal


@pytest.fixture
def forgotten(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ada is the owner; whose conversations were deleted."""
    office = terminal.office
    vault = Vault(bytes(32))
    people = open_people(office.store.accounts, vault, office.clock, office.directory)
    asyncio.run(people.first_owner())
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
