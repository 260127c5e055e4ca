"""A-1: the process dies at every durable step; whatever comes after, the books are right.

Each crash is a process of its own; recovery and the audit run here. Between them they must show:
no request twice, none lost, nothing billed that was not delivered, no key lost or back to life, and
no item lost, half or left over.
"""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kilonova.accounts.directory import Directory
from kilonova.accounts.service import Accounts
from kilonova.accounts.vault import Vault
from kilonova.billing.posting import post
from kilonova.billing.recovery import recover
from kilonova.billing.verify import verify
from kilonova.core.books import LedgerView, UsageFilter
from kilonova.core.crash import CRASH_POINTS
from kilonova.core.errors import Unauthenticated
from kilonova.core.identity import BearerCredential
from kilonova.core.shelf import Drawer, ShelfLimits
from kilonova.core.usage import UsageRecord
from kilonova.stores.sql.shelf import SqlShelf
from kilonova.stores.sql.store import SqlStore
from ledger_samples import FixedClock

SCRIPT = Path(__file__).with_name("crash_script.py")

DRAWER = Drawer("org_1", "proj_1", "file")
AMPLE = ShelfLimits(items_max=100, bytes_max=10**9)


def run(*arguments: str | Path, crash_at: str = "") -> subprocess.CompletedProcess[str]:
    """The script in a process of its own."""
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if crash_at:
        environment["KILONOVA_CRASH_POINT"] = crash_at
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)


def told(*arguments: str | Path) -> dict[str, int]:
    """What the script counted or saw."""
    finished = run(*arguments)
    assert finished.returncode == 0, finished.stderr
    answer: dict[str, int] = json.loads(finished.stdout)
    return answer


class Aftermath:
    """A home after a crash, started again."""

    def __init__(self, home: Path, said: str) -> None:
        self.home = home
        self.said = [line.split() for line in said.splitlines()]

    def heard(self, word: str) -> list[list[str]]:
        return [rest for first, *rest in self.said if first == word]

    async def check(self) -> None:
        store = SqlStore.open(self.home / "kilonova.db", post)
        key_path = self.home / "master.key"
        vault = Vault.open(key_path, can_create=not store.accounts.organisations())
        directory = Directory(store.accounts, vault, FixedClock())
        await Accounts(store.accounts, vault, FixedClock(), forget=directory.forget).start()
        await recover(store.ledger, FixedClock())
        assert verify(store.book, live=set, patience_s=0) == []
        with store.book.snapshot() as view:
            self.check_records({each.record.request_id: each.record for each in view.records()})
            self.check_month(view)
        for (alert_id,) in self.heard("alerted"):
            assert store.alerts.find(alert_id) is not None, "an alert was lost"
        self.check_keys(directory)
        await self.check_items(store.open_shelf(vault, FixedClock(), AMPLE))
        await store.close()

    def check_records(self, records: dict[str, UsageRecord]) -> None:
        delivered: dict[str, int] = {}
        for request_id, tokens in self.heard("delivered"):
            delivered[request_id] = int(tokens)
        for (request_id,) in self.heard("reserved"):
            assert request_id in records, "an acknowledged request was lost"
        for request_id, tokens in self.heard("settled"):
            assert records[request_id].usage.output_tokens == int(tokens)
            assert records[request_id].outcome == "completed"
        for request_id, found in records.items():
            assert found.usage.output_tokens <= delivered.get(request_id, 0), "over-billed"

    def check_month(self, view: LedgerView) -> None:
        """Closed with its invoice and all that was booked for it, or open with none of that."""
        adjustments = {each.id: each for each in view.adjustments(UsageFilter())}
        assert all(name in adjustments for (name,) in self.heard("booked")), "a booking was lost"
        closed = [each.period for each in view.closings()]
        assert all(period in closed for (period,) in self.heard("closed"))
        assert len(view.invoices()) == len(closed)
        kinds = {each.kind for each in adjustments.values()}
        for kind in ("tax", "credit_use"):
            assert (kind in kinds) == bool(closed)
        late = [each for each in adjustments.values() if each.refers_to == "2026-11"]
        december_ms = round(datetime(2026, 12, 1, tzinfo=UTC).timestamp()) * 1000
        assert all(each.booked_ms >= december_ms for each in late if each.kind == "correction"), (
            "a closed month was corrected in itself"
        )

    def check_keys(self, directory: Directory) -> None:
        revoked = [bearer for (bearer,) in self.heard("revoked")]
        for bearer in revoked:
            with pytest.raises(Unauthenticated):
                directory.principal(BearerCredential(bearer))
        # A revocation may be on disk before it is acknowledged: only the first key is certain.
        for (bearer,) in self.heard("created")[:1]:
            directory.principal(BearerCredential(bearer))

    async def check_items(self, shelf: SqlShelf) -> None:
        """Each is one of those that it can be by what was said, and its files are all there are."""
        possible: dict[str, set[int | None]] = {"row": {None}, "file": {None}}
        for word, name, *size in self.said:
            match word:
                case "keeping":
                    possible[name].add(int(size[0]))
                case "kept":
                    possible[name] = {int(size[0])}
                case "dropping":
                    possible[name].add(None)
                case "dropped":
                    possible[name] = {None}
        found = {name: await shelf.get(DRAWER, name) for name in possible}
        sizes = {name: item and len(item.content) for name, item in found.items()}
        assert all(sizes[name] in possible[name] for name in possible), (possible, sizes)
        kept = [size for size in sizes.values() if size is not None]
        assert len(list((self.home / "kilonova.db.kept").iterdir())) == sum(
            size > 1000 for size in kept
        )
        books = sqlite3.connect(self.home / "kilonova.db")
        counted = books.execute("SELECT items, content_bytes FROM kept").fetchone() or (0, 0)
        books.close()
        assert counted == (len(kept), sum(kept))


def test_the_variable_arms_a_real_process(tmp_path: Path) -> None:
    """Protects the other test's forks: this is how an operator's drill would crash a server."""
    ended = run(tmp_path, crash_at="commit.begun:9")
    assert ended.returncode == 137, ended.stderr
    asyncio.run(Aftermath(tmp_path, ended.stdout).check())


@pytest.mark.slow
def test_the_books_survive_a_crash_at_every_point(tmp_path: Path) -> None:
    """Protects money and keys: duplicates 0, over-billed 0, findings 0, at every crash point."""
    counted = told("--count", tmp_path)
    assert set(counted) == set(CRASH_POINTS), "the script must pass every crash point"
    crashes = [
        f"{name}:{passage}" for name, count in counted.items() for passage in range(1, count + 1)
    ]
    ends = told("--each", tmp_path, *crashes)
    assert ends == dict.fromkeys(crashes, 137)
    for crash_at in crashes:
        home = tmp_path / crash_at
        asyncio.run(Aftermath(home, (home / "said").read_text()).check())
