"""What lies on disk of a shelf: nothing readable, nothing that opens elsewhere, no remains."""

import asyncio
import os
import shutil
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from kilonova.accounts.vault import Vault, VaultError
from kilonova.billing.posting import post
from kilonova.core.errors import Overloaded
from kilonova.core.shelf import Drawer, Item, ShelfLimits
from kilonova.stores.sql.sealed_files import SealedFiles
from kilonova.stores.sql.shelf import SqlShelf
from kilonova.stores.sql.store import SqlStore
from ledger_samples import FixedClock

MINE = Drawer("org_1", "proj_1", "file")
AMPLE = ShelfLimits(items_max=100, bytes_max=10**9)
SECRET = b"what a caller wrote and nobody else may read. " * 20_000
SHORT, LONG = SECRET[:100], SECRET


def item(name: str, content: bytes) -> Item:
    return Item(id=name, created_ms=1, head=b'{"name":"of a caller.txt"}', content=content)


class Home:
    """A folder with a store, and the shelf in it."""

    def __init__(self, folder: Path, *, master: bytes = b"m" * 32) -> None:
        self.folder = folder / "kilonova.db.kept"
        self.store = SqlStore.open(folder / "kilonova.db", post)
        self.shelf: SqlShelf = self.store.open_shelf(Vault(master), FixedClock(), AMPLE)

    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir())


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    opened = Home(tmp_path)
    yield opened
    await opened.store.close()


async def test_nothing_can_be_read_in_a_copy(tmp_path: Path) -> None:
    """Protects callers from whoever gets a copy of the disk without the master key."""
    home = Home(tmp_path)
    await home.shelf.put(MINE, item("short", SHORT))
    await home.shelf.put(MINE, item("long", LONG))
    await home.store.close()
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"org_1" in everything
    for word in (b"a caller wrote", b"of a caller.txt"):
        assert word not in everything
    other = Home(tmp_path, master=b"o" * 32)
    for name in ("short", "long"):
        with pytest.raises(VaultError, match="another master key"):
            await other.shelf.get(MINE, name)
    await other.store.close()


async def test_files_are_for_their_owner_alone(home: Home) -> None:
    """Protects them in a folder that others may look into, and short ones from the file system."""
    await home.shelf.put(MINE, item("short", SHORT))
    assert home.files() == []
    await home.shelf.put(MINE, item("long", LONG))
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (home.folder, *home.files())]
    assert modes == [0o700, 0o600]


@pytest.mark.parametrize("content", [SHORT, LONG], ids=["short", "long"])
async def test_what_was_moved_does_not_open(tmp_path: Path, content: bytes) -> None:
    """Protects organisations from a row that someone with the disk copies to another one."""
    home = Home(tmp_path)
    await home.shelf.put(MINE, item("a", content))
    await home.store.close()
    with sqlite3.connect(tmp_path / "kilonova.db") as rows:
        rows.execute("UPDATE items SET organisation_id = 'org_2'")
    rows.close()
    home = Home(tmp_path)
    with pytest.raises(VaultError):
        await home.shelf.get(replace(MINE, organisation_id="org_2"), "a")
    with pytest.raises(VaultError):
        home.shelf.page(replace(MINE, organisation_id="org_2"), after=None, limit=1)
    await home.store.close()


@pytest.mark.parametrize("change", ["empty", "cut at a segment", "cut", "longer", "swapped", "bit"])
async def test_a_changed_file_does_not_open(home: Home, change: str) -> None:
    """Protects callers from half a content that looks like a whole one."""
    await home.shelf.put(MINE, item("a", LONG))
    (path,) = home.files()
    sealed = path.read_bytes()
    segment = (1 << 18) + 29
    changed = {
        "empty": b"",
        "cut at a segment": sealed[: 2 * segment],
        "cut": sealed[:-1],
        "longer": sealed + b"x",
        "swapped": sealed[segment : 2 * segment] + sealed[:segment] + sealed[2 * segment :],
        "bit": sealed[:-1] + bytes([sealed[-1] ^ 1]),
    }
    assert changed[change] != sealed
    path.write_bytes(changed[change])
    with pytest.raises(VaultError):
        await home.shelf.get(MINE, "a")


@pytest.mark.parametrize("size", [(1 << 16) + 1, 1 << 18, (1 << 18) + 1, 1 << 19])
async def test_every_length_comes_back(home: Home, size: int) -> None:
    """Protects the last segment of a file."""
    content = os.urandom(size)
    await home.shelf.put(MINE, item("a", content))
    found = await home.shelf.get(MINE, "a")
    assert found is not None
    assert found.content == content


async def test_what_a_crash_left_behind_goes_at_the_next_start(tmp_path: Path) -> None:
    """Protects the disk: files without a row are removed, those with one are not."""
    home = Home(tmp_path)
    await home.shelf.put(MINE, item("a", LONG))
    await home.store.close()
    (path,) = home.files()
    shutil.copy(path, home.folder / "0123456789abcdef")
    (home.folder / "0123456789abcdef.new").touch()
    home = Home(tmp_path)
    assert home.files() == [path]
    assert await home.shelf.get(MINE, "a") is not None
    await home.store.close()


async def test_a_full_disk_is_said_and_leaves_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects callers from an upload that is lost, and the disk from its remains."""
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", _no_space)
        with pytest.raises(Overloaded):
            await home.shelf.put(MINE, item("a", LONG))
    assert home.files() == []
    assert home.shelf.look(MINE, "a") is None
    await home.shelf.put(MINE, item("a", LONG))


def _no_space(_descriptor: int) -> None:
    raise OSError(28, "No space left on device")


async def test_a_store_that_refuses_leaves_no_file(home: Home) -> None:
    """Protects the disk from contents whose row was never written."""
    home.store._writer._refusal = "IOError"
    with pytest.raises(Overloaded):
        await home.shelf.put(MINE, item("a", LONG))
    home.store._writer._refusal = None
    while home.files():
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("turns", range(6))
async def test_a_caller_who_leaves_leaves_nothing_half(tmp_path: Path, turns: int) -> None:
    """Protects row and file from each other: after any moment there are both of them or none."""
    home = Home(tmp_path)
    putting = asyncio.create_task(home.shelf.put(MINE, item("a", LONG)))
    for _ in range(turns):
        await asyncio.sleep(0.004)
    putting.cancel()
    await asyncio.gather(putting, return_exceptions=True)
    found = await home.shelf.get(MINE, "a")
    while len(home.files()) != (found is not None):
        await asyncio.sleep(0.001)
        found = await home.shelf.get(MINE, "a")
    assert found is None or found.content == LONG
    await home.store.close()


async def test_a_replaced_content_is_read_anew(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects a reader whose file goes between its row and its reading."""
    await home.shelf.put(MINE, item("a", LONG))
    read = SealedFiles.read

    async def slow(self: SealedFiles, name: str, *, bound_to: str) -> bytes:
        monkeypatch.undo()
        await home.shelf.put(MINE, item("a", LONG[1:]))
        while len(home.files()) > 1:
            await asyncio.sleep(0.001)
        return await read(self, name, bound_to=bound_to)

    monkeypatch.setattr(SealedFiles, "read", slow)
    found = await home.shelf.get(MINE, "a")
    assert found is not None
    assert found.content == LONG[1:]
