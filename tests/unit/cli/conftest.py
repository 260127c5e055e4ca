"""The command line on an installation in memory."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import kilonova.cli.planes
from kilonova.admin.plane import ControlPlane
from kilonova.cli.main import app
from kilonova.home import Home
from kilonova.settings import Settings
from unit.admin.installation import Office


class Terminal:
    """Runs commands; what they wrote and how they ended can be looked at afterwards."""

    def __init__(self, office: Office, home: Path) -> None:
        self.office = office
        self.home = home
        self.stdout = ""
        self.stderr = ""

    def run(self, *arguments: str) -> int:
        result = CliRunner().invoke(app, [*arguments, "--home", str(self.home)])
        self.stdout, self.stderr = result.stdout, result.stderr
        return result.exit_code

    def json(self, *arguments: str, code: int = 0) -> Any:
        assert self.run(*arguments, "--json") == code, self.stdout + self.stderr
        return json.loads(self.stdout)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    office = Office()
    asyncio.run(_start(office))

    @asynccontextmanager
    async def open_plane(
        home: Home, settings: Callable[[], Settings]
    ) -> AsyncIterator[ControlPlane]:
        settings()
        yield office.control

    monkeypatch.setattr(kilonova.cli.planes, "open_plane", open_plane)
    return Terminal(office, tmp_path)


async def _start(office: Office) -> None:
    await office.accounts.start()
