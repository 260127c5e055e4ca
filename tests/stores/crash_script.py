"""A short life of a server, for the crash tests to end at any of its durable steps.

What the outside world has seen goes to standard output, a line each, written at once:
``reserved``, ``delivered`` and ``settled`` with a request id (and tokens), ``created`` and
``revoked`` with a bearer key, ``keeping`` and ``kept`` with an item and its size, ``dropping`` and
``dropped`` with an item, ``booked`` with an adjustment, ``closed`` with a month, ``alerted`` with
an alert.

    crash_script.py HOME                     one life; dies where KILONOVA_CRASH_POINT says
    crash_script.py --count HOME             tells how often each crash point is passed
    crash_script.py --each FOLDER POINT...   one life a point, each in a fork with a home of its own
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path

from kilonova.core import crash

passages: Counter[str] = Counter()


def _count(name: str) -> None:
    passages[name] += 1


arming = {"point": _count if "--count" in sys.argv else crash.crash_point}
if sys.argv[1].startswith("--"):
    # Before the other modules bind it, so that a fork can still choose its point.
    def _choose(name: str) -> None:
        arming["point"](name)

    crash.crash_point = _choose

import asyncio  # noqa: E402

import msgspec  # noqa: E402
from msgspec.structs import replace  # noqa: E402

from kilonova.accounts.directory import Directory  # noqa: E402
from kilonova.accounts.service import Accounts, KeyOrder  # noqa: E402
from kilonova.accounts.vault import Vault  # noqa: E402
from kilonova.billing.closing import MonthEnd  # noqa: E402
from kilonova.billing.corrections import Corrections  # noqa: E402
from kilonova.billing.invoice.stationery import Stationery  # noqa: E402
from kilonova.billing.posting import post  # noqa: E402
from kilonova.billing.recovery import recover  # noqa: E402
from kilonova.core.budgets import Alert  # noqa: E402
from kilonova.core.corrections import AdjustmentOrder  # noqa: E402
from kilonova.core.shelf import Drawer, Item, ShelfLimits  # noqa: E402
from kilonova.core.usage import Cost  # noqa: E402
from kilonova.stores.sql.shelf import SqlShelf  # noqa: E402
from kilonova.stores.sql.store import SqlStore  # noqa: E402
from ledger_samples import FixedClock, hold, record, used  # noqa: E402


def say(*words: object) -> None:
    """Tell the world; a crash right after cannot take it back."""
    if not passages:
        os.write(1, (" ".join(map(str, words)) + "\n").encode())


DRAWER = Drawer("org_1", "proj_1", "file")
AMPLE = ShelfLimits(items_max=100, bytes_max=10**9)
COST = Cost(resource="machine", currency="USD", busy_ns=7, direct_nano=3, basis="assumed")


async def start(home: Path) -> tuple[SqlStore, Accounts, SqlShelf]:
    """As a server starts."""
    store = SqlStore.open(home / "kilonova.db", post)
    vault = Vault.open(home / "master.key", can_create=not store.accounts.organisations())
    directory = Directory(store.accounts, vault, FixedClock())
    accounts = Accounts(store.accounts, vault, FixedClock(), forget=directory.forget)
    first = await accounts.start()
    if first is not None:
        say("created", first.new_key.bearer)
    await recover(store.ledger, FixedClock())
    return store, accounts, store.open_shelf(vault, FixedClock(), AMPLE)


async def reserve(store: SqlStore, request_id: str) -> None:
    await store.ledger.reserve(hold(request_id))
    say("reserved", request_id)


async def settle(store: SqlStore, request_id: str, tokens: int) -> None:
    say("delivered", request_id, tokens)
    done = record(hold(request_id), used(tokens))
    await store.ledger.settle(replace(done, cost=COST))
    say("settled", request_id, tokens)


async def correct(store: SqlStore) -> None:
    """Money goes back, and the month is closed."""
    november, december, lock = FixedClock(), FixedClock(1_796_083_200.0), asyncio.Lock()
    corrections = Corrections(store.book, store.corrections, november, lock=lock)
    month_end = MonthEnd(
        store.book,
        store.corrections,
        december,
        lock=lock,
        stationery=Stationery(tax_ppm=200_000),
        customers=list,
    )
    await book(corrections, "refund", request_id="req_1")
    await book(corrections, "credit", amount_nano=5)
    await month_end.close("2026-11")
    say("closed", "2026-11")
    # The clock still says November: what is closed stays closed.
    await book(corrections, "correction", amount_nano=-3, refers_to="2026-11")


async def book(corrections: Corrections, kind: str, **how: object) -> None:
    order = {"kind": kind, "organisation_id": "org_1", "reason": "test", **how}
    adjustment = await corrections.adjust(msgspec.convert(order, AdjustmentOrder))
    say("booked", adjustment.id)


async def alert(store: SqlStore) -> None:
    """Half of a budget is spent, and somebody is told."""
    raised = Alert(
        level_id="org_1", budget="month", window="2026-11", percent=50, budget_nano=9,
        spent_nano=5, raised_ms=1,
    )  # fmt: skip
    await store.alerts.save((raised,))
    say("alerted", raised.id)


async def keep(shelf: SqlShelf, name: str, size: int) -> None:
    say("keeping", name, size)
    await shelf.put(DRAWER, Item(id=name, created_ms=1, content=bytes(size)))
    say("kept", name, size)


async def drop(shelf: SqlShelf, name: str) -> None:
    say("dropping", name)
    await shelf.delete(DRAWER, name)
    say("dropped", name)


async def live(home: Path) -> None:
    """Keys come and go, requests end in every way, and one restart finds work left open."""
    store, accounts, shelf = await start(home)
    project = accounts.projects(accounts.organisations()[0].id)[0]
    made = await accounts.create_key(project.id, KeyOrder(kind="both"))
    say("created", made.bearer)
    await accounts.revoke_key(made.key.id)
    say("revoked", made.bearer)
    await reserve(store, "req_1")
    await reserve(store, "req_2")
    say("delivered", "req_2", 3)
    store.ledger.checkpoint("req_2", used(3))
    await settle(store, "req_1", 20)
    await reserve(store, "req_3")
    await asyncio.gather(keep(shelf, "row", 10), keep(shelf, "file", 70_000))
    await keep(shelf, "file", 80_000)
    await store.close()
    # req_2 has a checkpoint and req_3 has none: both were running when the server stopped.
    store, accounts, shelf = await start(home)
    await asyncio.gather(reserve(store, "req_4"), reserve(store, "req_5"))
    await asyncio.gather(settle(store, "req_4", 7), settle(store, "req_5", 8), alert(store))
    await asyncio.gather(drop(shelf, "row"), drop(shelf, "file"))
    await correct(store)
    await store.close()


def die(folder: Path, crash_at: str) -> int:
    """Live in a fork until the point; returns its exit status."""
    home = folder / crash_at
    home.mkdir()
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.dup2(os.open(home / "said", os.O_WRONLY | os.O_CREAT), 1)
    arming["point"] = crash._armed(crash_at)
    asyncio.run(live(home))
    os._exit(0)


def main() -> None:
    match sys.argv[1:]:
        case ["--count", home]:
            asyncio.run(live(Path(home)))
            sys.stdout.write(json.dumps(passages))
        case ["--each", folder, *points]:
            sys.stdout.write(json.dumps({point: die(Path(folder), point) for point in points}))
        case [home]:
            asyncio.run(live(Path(home)))


if __name__ == "__main__":
    main()
