"""How the parts are opened and closed: what must come before what."""

from pathlib import Path

import pytest

from kilonova.app import Application
from kilonova.home import Home
from kilonova.settings import Settings, SettingsError


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
