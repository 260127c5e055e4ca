"""The members' side of a server, on a home of its own."""

from pathlib import Path

import pytest

from kilonova.admin.conversation_schema import NewConversation, Turn
from kilonova.app.books import Books
from kilonova.app.people import People, open_roster, open_shelf
from kilonova.app.preflight import check_settings
from kilonova.core.shelf import Drawer, Shelf
from kilonova.home import Home
from kilonova.settings import OidcRule, OidcSettings, Settings, SettingsError

PASSWORD = "correct horse battery"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path)
    found.prepare()
    return found


async def _joined(books: Books, shelf: Shelf, email: str) -> tuple[str, Drawer]:
    """A member with a conversation: the id, and the drawer that it lies in."""
    organisation = books.accounts.organisations()[0]
    _, token = await books.members.invite(None, organisation.id, email=email, role="owner")
    member = (await books.members.join(token, "", PASSWORD)).member
    project = books.accounts.projects(organisation.id)[0]
    people = People(books, shelf, Settings())
    turn = Turn(id="a", parent="", role="user", text="Hello")
    said = NewConversation(project=project.id, turns=(turn,))
    await people.conversations.create(member, said)
    return member.id, Drawer(organisation.id, project.id, f"conversation:{member.id}")


async def test_what_a_crash_left_goes_at_the_next_start(home: Home) -> None:
    """Protects who was removed while the server died: the next one deletes what was left, on disk,
    and nothing of who stayed."""
    books = await Books.open(home, Settings())
    shelf = open_shelf(books, Settings())
    _, kept = await _joined(books, shelf, "ada@example.com")
    member_id, left = await _joined(books, shelf, "bo@example.com")
    await books.members.remove(None, member_id)
    await books.close()

    books = await Books.open(home, Settings())
    shelf = open_shelf(books, Settings())
    assert len(shelf.page(left, after=None, limit=9).items) == 1
    await People(books, shelf, Settings()).clear_up()
    assert shelf.page(left, after=None, limit=9).items == ()
    assert len(shelf.page(kept, after=None, limit=9).items) == 1
    await books.close()


async def test_removing_without_a_server_deletes_too(home: Home) -> None:
    """Protects who is removed by ``kilonova members remove`` while no server runs."""
    books = await Books.open(home, Settings())
    shelf = open_shelf(books, Settings())
    await _joined(books, shelf, "ada@example.com")
    member_id, left = await _joined(books, shelf, "bo@example.com")
    await books.close()
    async with open_roster(home, Settings()) as roster:
        await roster.remove_member(member_id)
    books = await Books.open(home, Settings())
    assert open_shelf(books, Settings()).page(left, after=None, limit=9).items == ()
    (entry,) = [each for each in books.store.audit.walk() if each.action == "member.removed"]
    assert entry.actor == "operator"
    await books.close()


def test_an_issuer_that_is_described_wrongly_stops_the_start() -> None:
    """Protects operators: before the books are opened, and only where an issuer is set."""
    everybody = OidcSettings(client_id="us", admit=(OidcRule(role="admin"),))
    check_settings(Settings(oidc=everybody))
    named = OidcSettings(issuer="https://id.example", client_id="us", admit=everybody.admit)
    with pytest.raises(SettingsError, match="entry 1 would let everybody in"):
        check_settings(Settings(oidc=named))
