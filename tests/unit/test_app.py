"""How the parts are opened and closed: what must come before what."""

import asyncio
from pathlib import Path

import pytest

from kilonova.app import Application
from kilonova.core.errors import BudgetExceeded, Overloaded
from kilonova.core.shelf import Drawer, Item
from kilonova.home import Home
from kilonova.settings import LimitSettings, Settings, SettingsError


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A folder as a server would prepare it."""
    made = Home(tmp_path / "home")
    made.prepare()
    return made


async def test_an_engine_that_fails_to_stop_leaves_the_books_closed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects settlements that wait for the disk from an engine whose child is gone."""
    application = await Application.open(home, Settings())
    engine = next(iter(application.engines.values()))

    async def broken() -> None:
        raise OSError("the child is gone")

    monkeypatch.setattr(engine, "stop", broken)
    with pytest.raises(OSError, match="the child is gone"):
        await application.close()
    again = await Application.open(home, Settings())
    await again.close()


async def test_wrong_settings_do_not_cost_the_first_key(home: Home) -> None:
    """Protects newcomers: the key is made by the first start that can show it."""
    with pytest.raises(SettingsError):
        await Application.open(home, Settings(engines={"bad": {"kind": "echo", "nope": 1}}))
    application = await Application.open(home, Settings())
    await application.close()
    assert application.books.first_start is not None


DRAWER = Drawer("org_1", "proj_1", "file")


async def test_what_expired_goes_from_the_disk(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the promise to forget, and the sweep itself from a disk that refuses for a while."""
    application = await Application.open(home, Settings())
    shelf = application._shelf
    long_gone = Item(id="a", created_ms=0, expires_ms=1, content=bytes(100_000))
    await shelf.put(DRAWER, long_gone)

    async def refuse() -> int:
        monkeypatch.undo()
        raise Overloaded("The disk is full.")

    monkeypatch.setattr(shelf, "sweep", refuse)
    sweeping = asyncio.create_task(application.sweep_shelf(0.001))
    while list((home.path / "kilonova.db.kept").iterdir()):
        await asyncio.sleep(0.001)
    sweeping.cancel()
    await application.close()


async def test_a_project_keeps_what_the_settings_say(home: Home) -> None:
    """Protects the operator's disk, and tells a caller which limit it was."""
    limits = LimitSettings(kept_items_max=1, kept_bytes_max=10)
    application = await Application.open(home, Settings(limits=limits))
    shelf = application._shelf
    with pytest.raises(BudgetExceeded, match=r"10 bytes.*limits\.kept_bytes_max"):
        shelf.check_room(DRAWER, 11)
    await shelf.put(DRAWER, Item(id="a", created_ms=0, content=b"0123456789"))
    with pytest.raises(BudgetExceeded, match=r"1 items.*limits\.kept_items_max"):
        await shelf.put(DRAWER, Item(id="b", created_ms=0))
    await application.close()
