"""The writer under good and bad disks: grouping, order, refusal, retry, and nothing dropped."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from kilonova.billing.posting import post
from kilonova.billing.recovery import recover
from kilonova.billing.verify import verify
from kilonova.core.errors import Overloaded
from kilonova.core.identity import Organisation
from kilonova.stores.error import StoreError
from kilonova.stores.sql import store as store_module
from kilonova.stores.sql import writer as writer_module
from kilonova.stores.sql.store import SqlStore
from ledger_samples import FixedClock, hold, record, used


class MoodyConnection(apsw.Connection):
    """A file whose COMMIT fails while ``failure`` is set, and that counts its commits."""

    failure: apsw.Error | None = None
    commits = 0

    def execute(self, statements: str, *rest: Any, **options: Any) -> Any:
        if statements == "COMMIT":
            self.commits += 1
            if self.failure is not None:
                raise self.failure
        return super().execute(statements, *rest, **options)


class Disk:
    """A store over a moody connection."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(writer_module, "_RETRY_S", 0.01)
        with monkeypatch.context() as patched:
            patched.setattr(store_module.apsw, "Connection", MoodyConnection)
            self.store = SqlStore.open(path, post)
        self.path = path
        connection = self.store._connection
        assert isinstance(connection, MoodyConnection)
        self.connection = connection
        connection.commits = 0


@pytest.fixture
async def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Disk]:
    """A disk that works until a test says otherwise, and works again at the end."""
    made = Disk(tmp_path / "kilonova.db", monkeypatch)
    yield made
    made.connection.failure = None
    assert verify(made.store.book) == []
    await made.store.close()


async def _until_it_writes_again(disk: Disk) -> None:
    async with asyncio.timeout(10):
        while not disk.store.health().is_ready:
            await asyncio.sleep(0.005)


async def test_one_turn_of_the_loop_shares_one_commit(disk: Disk) -> None:
    """Protects throughput: a hundred reservations cost one wait for the disk."""
    order: list[int] = []
    waiting = []
    for number in range(100):
        done = disk.store.ledger.reserve(hold(f"req_{number:03}"))
        done.add_done_callback(lambda _done, number=number: order.append(number))
        waiting.append(done)
    await asyncio.gather(*waiting)
    assert disk.connection.commits == 1
    assert order == list(range(100))


async def test_what_arrives_during_a_commit_shares_the_next(disk: Disk) -> None:
    """Protects latency: nobody waits longer than for two commits."""
    first = disk.store.ledger.reserve(hold("req_first"))
    await asyncio.sleep(0)
    others = [disk.store.ledger.reserve(hold(f"req_{number}")) for number in range(9)]
    await asyncio.gather(first, *others)
    assert disk.connection.commits == 2


@pytest.mark.parametrize("failure", [apsw.FullError, apsw.IOError, apsw.ReadOnlyError])
async def test_a_failing_disk_refuses_new_work_and_drops_no_settlement(
    disk: Disk, failure: type[apsw.Error], caplog: pytest.LogCaptureFixture
) -> None:
    """Protects the books on a full, broken or read-only disk."""
    holds = [hold(f"req_{number}") for number in range(3)]
    await asyncio.gather(*(disk.store.ledger.reserve(held) for held in holds))
    disk.connection.failure = failure("no")
    late = hold("req_late")
    settlements = [disk.store.ledger.settle(record(held, used(5))) for held in holds[:2]]
    answers = await asyncio.gather(
        disk.store.ledger.reserve(late), *settlements, return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [Overloaded] * 3
    # While the disk refuses, a reservation fails without trying it and a settlement is kept.
    refused = disk.store.ledger.reserve(hold("req_later"))
    assert isinstance(refused.exception(), Overloaded)
    kept = disk.store.ledger.settle(record(holds[2], used(6)))
    assert isinstance(kept.exception(), Overloaded)
    with disk.store.book.snapshot() as view:
        assert list(view.records()) == []
    assert not disk.store.health().is_ready
    disk.connection.failure = None
    await _until_it_writes_again(disk)
    with disk.store.book.snapshot() as view:
        written = [each.record.request_id for each in view.records()]
    assert written == ["req_0", "req_1", "req_2"]
    await disk.store.ledger.reserve(late)
    assert disk.store.health().is_ready
    assert [entry.message for entry in caplog.records] == [
        "store_cannot_write",
        "store_writes_again",
    ]


async def test_a_really_full_file_recovers(disk: Disk) -> None:
    """Protects against SQLite's own way of being full, in the middle of a batch."""
    held = [hold(f"req_{number:03}") for number in range(80)]
    await asyncio.gather(*(disk.store.ledger.reserve(each) for each in held))
    (pages,) = disk.connection.execute("PRAGMA page_count").fetchall()[0]
    disk.connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    # Every second one, so that no page of holds becomes free for their records.
    settled = [disk.store.ledger.settle(record(each, used(5))) for each in held[::2]]
    answers = await asyncio.gather(*settled, return_exceptions=True)
    assert {type(answer) for answer in answers} == {Overloaded}
    disk.connection.execute("PRAGMA max_page_count = 100000").fetchall()
    await _until_it_writes_again(disk)
    with disk.store.book.snapshot() as view:
        assert len(list(view.records())) == 40
        assert len(view.holds()) == 40


async def test_checkpoints_never_wait_for_a_bad_disk(disk: Disk) -> None:
    """Protects streams: a checkpoint that cannot be written is dropped, the next one counts."""
    await disk.store.ledger.reserve(hold("req_1"))
    disk.connection.failure = apsw.FullError("no")
    disk.store.ledger.checkpoint("req_1", used(1))
    await asyncio.sleep(0.02)
    disk.store.ledger.checkpoint("req_1", used(2))
    disk.connection.failure = None
    await _until_it_writes_again(disk)
    with disk.store.book.snapshot() as view:
        assert view.holds()[0].delivered is None


async def test_one_bad_operation_does_not_spoil_its_batch(disk: Disk) -> None:
    """Protects everybody else's money from a bug in one request."""
    good, twice = hold("req_good"), hold("req_twice")
    await disk.store.ledger.reserve(twice)
    disk.store.ledger._open.clear()
    answers = await asyncio.gather(
        disk.store.ledger.reserve(good),
        disk.store.ledger.reserve(twice),
        disk.store.accounts.save(Organisation(id="org_1", name="Acme")),
        disk.store.ledger.reserve(hold("req_vast", held_nano=2**70)),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [
        type(None),
        AssertionError,
        type(None),
        AssertionError,
    ]
    with disk.store.book.snapshot() as view:
        assert [each.hold.request_id for each in view.holds()] == ["req_good", "req_twice"]


async def test_a_record_is_unique_on_disk_too(disk: Disk) -> None:
    """Protects callers from a double bill, even if the code forgot what it settled."""
    held = hold("req_1")
    for attempt in range(2):
        await disk.store.ledger.reserve(held)
        settled = disk.store.ledger.settle(record(held, used(1)))
        if attempt == 0:
            await settled
        else:
            with pytest.raises(AssertionError, match="UNIQUE"):
                await settled
    with disk.store.book.snapshot() as view:
        assert len(list(view.records())) == 1
    # The batch that was refused still commits what was innocent in it: let it, before we tidy up.
    await disk.store.accounts.save_note("after", "the batch")
    disk.connection.execute("DELETE FROM holds").fetchall()


async def test_a_vanished_waiter_does_not_stop_the_others(disk: Disk) -> None:
    """Protects a batch from a client that disconnects while it waits."""
    reserved = disk.store.ledger.reserve(hold("req_gone"))
    other = disk.store.ledger.reserve(hold("req_here"))
    reserved.cancel()
    await other
    await disk.store.ledger.settle(record(hold("req_gone"), used(0), outcome="cancelled"))


async def test_closing_on_a_bad_disk_says_so_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects the last settlements of a server: recovery bills what was checkpointed."""
    disk = Disk(tmp_path / "kilonova.db", monkeypatch)
    held = hold("req_1")
    await disk.store.ledger.reserve(held)
    disk.store.ledger.checkpoint("req_1", used(4))
    await disk.store.ledger.reserve(hold("req_2"))
    disk.connection.failure = apsw.FullError("no")
    kept = disk.store.ledger.settle(record(held, used(9)))
    with pytest.raises(StoreError, match="1 settlements could not be written"):
        await disk.store.close()
    assert isinstance(kept.exception(), Overloaded)
    store = SqlStore.open(disk.path, post)
    records = await recover(store.ledger, FixedClock())
    assert [each.usage.output_tokens for each in records] == [4, 0]
    assert verify(store.book, live=set, patience_s=0) == []
    await store.close()


async def test_a_closed_store_takes_nothing(disk: Disk, tmp_path: Path) -> None:
    """Protects the file from a request that outlives the server's shutdown."""
    store = SqlStore.open(tmp_path / "other.db", post)
    await store.close()
    with pytest.raises(Overloaded):
        await store.ledger.reserve(hold("req_1"))
