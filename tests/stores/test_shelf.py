"""What every shelf promises; the durable one is opened again on the same files, too."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import astuple, replace

from kilonova.accounts.vault import Vault
from kilonova.billing.posting import post
from kilonova.core.errors import BudgetExceeded
from kilonova.core.ids import new_id
from kilonova.core.shelf import Drawer, Item, Shelf, ShelfLimits
from kilonova.stores.memory import MemoryShelf
from kilonova.stores.sql.store import SqlStore
from ledger_samples import START_MS, FixedClock

VAULT = Vault(b"m" * 32)
FILES = Drawer("org_1", "proj_1", "file")
LIMITS = ShelfLimits(items_max=10, bytes_max=1_000_000)
# Of the two kinds that are kept in a row, and the one that has a file of its own.
CONTENTS = {"nothing": b"", "short": b"\x00\xffshort", "long": os.urandom(300_000)}


class Bench:
    """A shelf and its clock. ``again`` is the same shelf as a new process would find it."""

    def __init__(
        self, shelf: Shelf, clock: FixedClock, again: Callable[[], Awaitable[Shelf]]
    ) -> None:
        self.shelf = shelf
        self.clock = clock
        self.again = again

    async def lives(self) -> AsyncIterator[Shelf]:
        """The shelf as it is, and then as it is after a restart."""
        yield self.shelf
        yield await self.again()


@pytest.fixture(params=["memory", "sql"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    clock = FixedClock()
    if request.param == "memory":
        kept = MemoryShelf(clock, LIMITS)
        yield Bench(kept, clock, lambda: asyncio.sleep(0, kept))
        return
    stores = [SqlStore.open(tmp_path / "kilonova.db", post)]

    async def again() -> Shelf:
        await stores.pop().close()
        stores.append(SqlStore.open(tmp_path / "kilonova.db", post))
        return stores[0].open_shelf(VAULT, clock, LIMITS)

    yield Bench(stores[0].open_shelf(VAULT, clock, LIMITS), clock, again)
    await stores[0].close()


def item(name: str, content: bytes = b"content", *, expires_ms: int | None = None) -> Item:
    head = f'{{"name":"{name}"}}'.encode()
    return Item(id=name, created_ms=5, expires_ms=expires_ms, head=head, content=content)


def as_kept(put: Item) -> Item:
    return replace(put, content_bytes=len(put.content))


def names(shelf: Shelf, drawer: Drawer = FILES) -> list[str]:
    return [each.id for each in shelf.page(drawer, after=None, limit=100).items]


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
async def test_an_item_is_read_back_as_it_was_put(bench: Bench, content: bytes) -> None:
    """Protects every field and byte, across a restart."""
    put = item("a", content, expires_ms=START_MS + 1)
    await bench.shelf.put(FILES, put)
    async for shelf in bench.lives():
        assert await shelf.get(FILES, "a") == as_kept(put)
        listed = replace(as_kept(put), content=b"")
        assert shelf.look(FILES, "a") == listed
        assert shelf.page(FILES, after=None, limit=1).items == (listed,)


async def test_an_item_is_nobody_elses(bench: Bench) -> None:
    """Protects organisations, projects and kinds from each other, by every way of reading."""
    for content in (b"short", CONTENTS["long"]):
        await bench.shelf.put(FILES, item("a", content))
        for other in (
            replace(FILES, organisation_id="org_2"),
            replace(FILES, project_id="proj_2"),
            replace(FILES, kind="response"),
        ):
            assert await bench.shelf.get(other, "a") is None
            assert bench.shelf.look(other, "a") is None
            assert names(bench.shelf, other) == []
            await bench.shelf.delete(other, "a")
        assert names(bench.shelf) == ["a"]


@pytest.mark.parametrize("name", ["", "\x00", "a\nb", "é" * 10_000, "'; DROP TABLE items"])
async def test_a_strange_name_is_only_unknown(bench: Bench, name: str) -> None:
    """Protects against ids that callers make up."""
    assert await bench.shelf.get(FILES, name) is None
    assert bench.shelf.page(FILES, after=name, limit=5).items == ()
    await bench.shelf.delete(FILES, name)


async def test_the_newest_of_two_is_kept_whole(bench: Bench) -> None:
    """Protects updates of a job: nothing of the older item stays, whichever way it was kept."""
    for content in (b"1", CONTENTS["long"], b"2", CONTENTS["long"][1:], b""):
        put = replace(item("a", content), head=b"%d" % len(content))
        await bench.shelf.put(FILES, put)
        assert await bench.shelf.get(FILES, "a") == as_kept(put)
    assert names(await bench.again()) == ["a"]


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
async def test_what_was_deleted_is_gone(bench: Bench, content: bytes) -> None:
    """Protects the word of a deletion, across a restart, and says nothing of a second one."""
    await bench.shelf.put(FILES, item("a", content))
    await bench.shelf.put(FILES, item("b", content))
    await bench.shelf.delete(FILES, "a")
    await bench.shelf.delete(FILES, "a")
    async for shelf in bench.lives():
        assert await shelf.get(FILES, "a") is None
        assert names(shelf) == ["b"]


async def test_pages_run_in_both_directions(bench: Bench) -> None:
    """Protects listings: every item once, in order, whatever the size of a page."""
    ids = sorted(new_id("file") for _ in range(7))
    for name in ids:
        await bench.shelf.put(FILES, item(name))
    for is_newest_first in (True, False):
        seen: list[str] = []
        after = None
        while True:
            page = bench.shelf.page(FILES, after=after, limit=3, is_newest_first=is_newest_first)
            seen += [each.id for each in page.items]
            if not page.has_more:
                break
            after = seen[-1]
        assert seen == sorted(ids, reverse=is_newest_first)


async def test_a_page_follows_an_item_that_is_gone(bench: Bench) -> None:
    """Protects the loop that deletes what it lists."""
    for name in "abcdef":
        await bench.shelf.put(FILES, item(name))
    after, seen = None, []
    while (page := bench.shelf.page(FILES, after=after, limit=2)).items:
        for each in page.items:
            await bench.shelf.delete(FILES, each.id)
            seen.append(each.id)
        after = seen[-1]
    assert seen == list("fedcba")


async def test_an_expired_item_is_not_found(bench: Bench) -> None:
    """Protects the promise to forget, in every way of reading and to the millisecond."""
    await bench.shelf.put(FILES, item("short", expires_ms=START_MS + 1000))
    await bench.shelf.put(FILES, item("long", CONTENTS["long"], expires_ms=START_MS + 1000))
    await bench.shelf.put(FILES, item("stays"))
    bench.clock.now += 0.999
    assert names(bench.shelf) == ["stays", "short", "long"]
    bench.clock.now += 0.001
    for name in ("short", "long"):
        assert await bench.shelf.get(FILES, name) is None
        assert bench.shelf.look(FILES, name) is None
    assert names(bench.shelf) == ["stays"]


async def test_a_project_keeps_no_more_items_than_it_may(bench: Bench) -> None:
    """Protects the disk; an update needs no room, a deletion makes some, others are not touched."""
    for number in range(LIMITS.items_max):
        await bench.shelf.put(FILES, item(str(number)))
    for drawer in (FILES, replace(FILES, kind="response")):
        with pytest.raises(BudgetExceeded):
            await bench.shelf.put(drawer, item("more"))
        with pytest.raises(BudgetExceeded):
            bench.shelf.check_room(drawer)
    await bench.shelf.put(FILES, item("0", b"another"))
    await bench.shelf.put(replace(FILES, project_id="proj_2"), item("more"))
    await bench.shelf.delete(FILES, "1")
    await bench.shelf.put(replace(FILES, kind="response"), item("more"))
    assert len(names(await bench.again())) == LIMITS.items_max - 1


async def test_a_project_keeps_no_more_bytes_than_it_may(bench: Bench) -> None:
    """Protects the disk: contents of all kinds count, replaced and deleted ones do not."""
    third = bytes(LIMITS.bytes_max // 3)
    for name in "abc":
        await bench.shelf.put(FILES, item(name, third))
    with pytest.raises(BudgetExceeded):
        await bench.shelf.put(FILES, item("d", b"12"))
    with pytest.raises(BudgetExceeded):
        bench.shelf.check_room(FILES, 2)
    bench.shelf.check_room(FILES, 1)
    await bench.shelf.put(FILES, item("a", third[1:]))
    await bench.shelf.put(FILES, item("d", b"12"))
    shelf = await bench.again()
    await shelf.delete(FILES, "b")
    await shelf.put(FILES, item("b", third))


async def test_many_at_once_do_not_pass_the_limit(bench: Bench) -> None:
    """Protects the limit from requests that are on their way to the disk together."""
    puts = [bench.shelf.put(FILES, item(f"{number:02}")) for number in range(30)]
    results = await asyncio.gather(*puts, return_exceptions=True)
    refused = [result for result in results if isinstance(result, BudgetExceeded)]
    assert len(refused) == 30 - LIMITS.items_max
    assert len(names(bench.shelf)) == results.count(None) == LIMITS.items_max


async def test_the_sweep_makes_room(tmp_path: Path) -> None:
    """Protects the disk from what expired, and what was put anew under its name from the sweep."""
    clock = FixedClock()
    store = SqlStore.open(tmp_path / "kilonova.db", post)
    shelf = store.open_shelf(VAULT, clock, replace(LIMITS, items_max=1000))
    contents = [CONTENTS["long"] if number in (3, 4) else b"short" for number in range(450)]
    expiring = [
        item(f"{number:03}", content, expires_ms=START_MS + 1)
        for number, content in enumerate(contents)
    ]
    await asyncio.gather(*(shelf.put(FILES, each) for each in expiring))
    clock.now += 1
    assert (await shelf.sweep(), await shelf.sweep()) == (450, 0)
    await shelf.put(FILES, item("stays"))
    shelf.check_room(FILES, LIMITS.bytes_max - len(b"content"))
    await store.close()
    assert list((tmp_path / "kilonova.db.kept").iterdir()) == []


async def test_drawers_are_found_one_after_the_other(bench: Bench) -> None:
    """Protects clearing up: every drawer with something in it is met once, in order, also when it
    is emptied on the way."""
    drawers = [
        Drawer("org_1", "proj_1", "a"),
        Drawer("org_1", "proj_1", "b"),
        FILES,
        Drawer("org_2", "p", "a"),
    ]
    for drawer in drawers:
        for name in ("1", "2"):
            await bench.shelf.put(drawer, item(name))
    met: list[Drawer] = []
    found = bench.shelf.next_drawer(None)
    while found is not None:
        met.append(found)
        for name in names(bench.shelf, found):
            await bench.shelf.delete(found, name)
        found = bench.shelf.next_drawer(found)
    assert met == sorted(set(drawers), key=astuple)
    assert bench.shelf.next_drawer(None) is None
