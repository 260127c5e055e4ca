"""What is done to a running server and its disk, and undone again."""

import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from os import kill
from pathlib import Path
from random import Random

import apsw

from servers import Server

__all__ = ["DISTURBANCES", "kill_engines"]


def _children(pid: int) -> list[int]:
    """The processes below one, the deepest first (Linux)."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [*_children(int(child)), int(child)]
    return found


def kill_engines(server: Server, _world: Random) -> None:
    """``kill -9`` of every process that the server started."""
    for child in _children(server.process.pid):
        with suppress(ProcessLookupError):
            kill(child, signal.SIGKILL)


def _lock_store(server: Server, world: Random) -> None:
    """Another program writes into the store's file, and takes its time."""
    connection = apsw.Connection(str(server.home / "kilonova.db"))
    connection.set_busy_timeout(5_000)
    with suppress(apsw.BusyError):
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(world.uniform(0.1, 1.2))
        connection.execute("ROLLBACK")
    connection.close()


def _fill_disk(server: Server, world: Random) -> None:
    """No file of the server may grow: each write behind its end fails, as on a full disk."""
    with _file_size_limit(server.process.pid, _longest(server.home)):
        time.sleep(world.uniform(0.1, 1.2))


def _longest(home: Path) -> int:
    return max((path.stat().st_size for path in home.glob("kilonova.db*")), default=0)


@contextmanager
def _file_size_limit(pid: int, most: int) -> Iterator[None]:
    with suppress(ProcessLookupError):
        soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard))
        yield
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
        return
    yield


DISTURBANCES: dict[str, Callable[[Server, Random], None]] = {
    "engine killed": kill_engines,
    "store locked": _lock_store,
    "disk full": _fill_disk,
}
