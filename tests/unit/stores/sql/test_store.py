"""Opening and closing a store: one writer a file, whole files only, and a sound SQLite."""

import asyncio
import stat
from pathlib import Path

import apsw
import msgspec
import pytest

from kilonova.billing.posting import post
from kilonova.billing.verify import verify
from kilonova.core.books import UsageFilter
from kilonova.core.identity import Organisation
from kilonova.stores.error import StoreError
from kilonova.stores.sql.schema import downgrade
from kilonova.stores.sql.store import SqlStore, version_problem
from ledger_samples import hold, record, used


async def test_a_second_writer_is_kept_out(tmp_path: Path) -> None:
    """Protects budgets: two writers would each know half of what is spent."""
    path = tmp_path / "kilonova.db"
    first = SqlStore.open(path, post)
    with pytest.raises(StoreError, match="Another Kilonova writes"):
        SqlStore.open(path, post)
    await first.close()
    second = SqlStore.open(path, post)
    await second.close()


async def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    """Protects the words "done means on disk"."""
    path = tmp_path / "kilonova.db"
    first = SqlStore.open(path, post)
    await first.accounts.save(Organisation(id="org_1", name="Acme"))
    settled, left = hold("req_1"), hold("req_2")
    await asyncio.gather(first.ledger.reserve(settled), first.ledger.reserve(left))
    done = record(settled, used(9))
    await first.ledger.settle(done)
    await first.close()
    second = SqlStore.open(path, post)
    assert second.accounts.organisations() == [Organisation(id="org_1", name="Acme")]
    assert second.ledger.spent_nano("org_1") == done.price_nano
    assert [each.hold for each in second.ledger.left_open()] == [left]
    await second.close()


async def test_every_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Protects the books in a folder that others may look into, whoever made the file."""
    tmp_path.chmod(0o755)
    path = tmp_path / "kilonova.db"
    path.touch(mode=0o644)
    store = SqlStore.open(path, post)
    await store.ledger.reserve(hold("req_1"))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    await store.close()
    assert {"kilonova.db", "kilonova.db-wal", "kilonova.db-shm"} <= modes.keys()
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


async def test_the_books_can_be_read_beside_the_writer(tmp_path: Path) -> None:
    """Protects reports and audits on a live server: a snapshot stands still."""
    path = tmp_path / "kilonova.db"
    store = SqlStore.open(path, post)
    held = hold("req_1")
    await store.ledger.reserve(held)
    with SqlStore.reading(path).snapshot() as view:
        assert len(view.holds()) == 1
        await store.ledger.settle(record(held, used(1)))
        assert len(view.holds()) == 1
        assert view.usage(UsageFilter(), ()) == []
    await store.close()


def test_reading_needs_a_store_of_this_version(tmp_path: Path) -> None:
    """Protects the operator from an empty report out of a wrong path."""
    with pytest.raises(StoreError, match="no store at"):
        SqlStore.reading(tmp_path / "kilonova.db")
    apsw.Connection(str(tmp_path / "empty.db")).execute("CREATE TABLE other (id)")
    with pytest.raises(StoreError, match="schema none"):
        SqlStore.reading(tmp_path / "empty.db")


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    """Protects the operator from a traceback, and the lock from staying behind."""
    path = tmp_path / "kilonova.db"
    path.write_bytes(b"not a database, but long enough to look at" * 100)
    for _ in range(2):
        with pytest.raises(StoreError, match="is broken"):
            SqlStore.open(path, post)


async def test_a_damaged_file_is_noticed(tmp_path: Path) -> None:
    """Protects the audit: SQLite's own check is part of it."""
    path = tmp_path / "kilonova.db"
    store = SqlStore.open(path, post)
    with store.book.snapshot() as view:
        assert view.damage() == []
    await store.ledger.reserve(hold("req_1"))
    await store.close()
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET rootpage = 3 WHERE name = 'balances'")
    connection.close()
    with SqlStore.reading(path).snapshot() as view:
        assert view.damage() != []


async def test_everything_can_be_exported(tmp_path: Path) -> None:
    """Protects the customer's way out: every table, every row, as JSON lines."""
    store = SqlStore.open(tmp_path / "kilonova.db", post)
    held = hold("req_1")
    await store.accounts.save(Organisation(id="org_1", name="Acme"))
    await store.ledger.reserve(held)
    await store.ledger.settle(record(held, used(1)))
    await store.ledger.reserve(hold("req_2"))
    with store.book.snapshot() as view:
        lines = [msgspec.json.decode(line) for line in view.export()]
    tables = [line["table"] for line in lines]
    assert {name: tables.count(name) for name in tables} == {
        "organisations": 1,
        "holds": 1,
        "usage_records": 1,
        "entries": 2,
        "balances": 2,
        "spending": 3,
        "spending_days": 3,
        "usage_facets": 1,
        "usage_hours": 1,
    }
    assert lines[0]["row"]["name"] == "Acme"
    await store.close()


@pytest.mark.parametrize(
    ("version", "is_sound"),
    [("3.40.1", False), ("3.51.2", False), ("3.51.3", True), ("3.52.0", False), ("3.53.0", True)],
)
def test_an_sqlite_that_loses_commits_is_named(version: str, is_sound: bool) -> None:
    """Protects the operator's doctor; and the SQLite that we ship is sound."""
    assert (version_problem(version) is None) is is_sound
    assert version_problem() is None


async def test_older_records_are_counted_into_their_hours(tmp_path: Path) -> None:
    """Protects reports over the time before hours were kept: the step up adds the records up."""
    path = tmp_path / "kilonova.db"
    store = SqlStore.open(path, post)
    for number in range(5):
        held = hold(f"req_{number}", owner=str(number % 2))
        await store.ledger.reserve(held)
        await store.ledger.settle(record(held, used(number)))
    await store.close()
    connection = apsw.Connection(str(path))
    downgrade(connection, "0003")
    connection.close()
    store = SqlStore.open(path, post)
    assert verify(store.book) == []
    # What comes later meets what was added up then.
    held = hold("req_9")
    await store.ledger.reserve(held)
    await store.ledger.settle(record(held, used(9)))
    assert verify(store.book, live=set) == []
    with store.book.snapshot() as view:
        assert [line.requests for line in view.usage(UsageFilter(), ("organisation",))] == [3, 3]
    await store.close()
