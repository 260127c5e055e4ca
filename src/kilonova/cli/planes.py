"""Finds the control plane of a home: the running server's, or the home's own parts.

Whoever holds the home's lock writes. A server holds it while it runs, so when the lock is free no
server runs, whatever a note from a crashed one says.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from kilonova.admin.plane import ControlPlane
from kilonova.admin.roster import RosterPlane
from kilonova.cli.remote import RemotePlane
from kilonova.cli.remote_roster import RemoteRoster
from kilonova.home import Home, HomeInUseError, ServerNote
from kilonova.settings import Settings

__all__ = ["open_plane", "open_roster"]

_WAIT_S = 5.0


@asynccontextmanager
async def open_plane(home: Home, settings: Callable[[], Settings]) -> AsyncIterator[ControlPlane]:
    """Raises HomeInUseError when another process holds the home and no server answers there."""
    note = await _server_of(home)
    if note is not None:
        yield RemotePlane(note, home.admin_token())
        return
    try:
        async with _application().open_control_plane(home, settings()) as plane:
            yield plane
    finally:
        home.unlock()


@asynccontextmanager
async def open_roster(home: Home, settings: Callable[[], Settings]) -> AsyncIterator[RosterPlane]:
    """As ``open_plane``, for the members."""
    note = await _server_of(home)
    if note is not None:
        yield RemoteRoster(note, home.admin_token())
        return
    try:
        async with _application().open_roster(home, settings()) as roster:
            yield roster
    finally:
        home.unlock()


def _application() -> Any:
    """Loaded here and not above: with its store and engines it takes longer than most commands."""
    application = import_module("kilonova.app")
    # What recovery has to say goes to standard error.
    import_module("kilonova.telemetry.log").configure()
    return application


async def _server_of(home: Home) -> ServerNote | None:
    home.prepare()
    return await _claim(home)


async def _claim(home: Home) -> ServerNote | None:
    """Locks the home, or finds its server. A starting server and a brief writer are waited for."""
    deadline_s = time.monotonic() + _WAIT_S
    while True:
        try:
            home.lock()
        except HomeInUseError:
            is_late = time.monotonic() > deadline_s
            note = home.server_note()
            if note is not None and (is_late or _listens(note.url)):
                return note
            if is_late:
                raise
        else:
            return None
        await asyncio.sleep(0.05)


def _listens(url: str) -> bool:
    """False for the note of a server that crashed, and for one that has not started yet."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=1).close()
    except OSError:
        return False
    return True
