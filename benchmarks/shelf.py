"""What keeping long contents costs everybody else: the wait of a reservation while files come in.

``python -m benchmarks.shelf [megabytes]``: eight clients reserve and settle in a closed loop while
one caller puts contents of that size and reads them again, with the event loop's longest pause
beside it. The rows: nothing kept, kept in sealed files, and kept in rows of the database instead.
"""

import asyncio
import itertools
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import apsw

from benchmarks.ledger import client
from kilonova.accounts.vault import Vault
from kilonova.billing.posting import post
from kilonova.core.clock import SystemClock
from kilonova.core.shelf import Drawer, Item, ShelfLimits
from kilonova.stores.sql import shelf as sql_shelf
from kilonova.stores.sql.shelf import SqlShelf
from kilonova.stores.sql.store import SqlStore

_CLIENTS = 8
_ROW_S = 8.0
_DRAWER = Drawer("org_1", "proj_1", "file")
_AMPLE = ShelfLimits(items_max=1_000, bytes_max=10**12)


async def _keep(shelf: SqlShelf, content: bytes, waits_s: list[float]) -> None:
    while True:
        start_s = time.perf_counter()
        await shelf.put(_DRAWER, Item(id="one", created_ms=0, content=content))
        waits_s.append(time.perf_counter() - start_s)
        await shelf.get(_DRAWER, "one")


async def _watch(pauses_s: list[float]) -> None:
    while True:
        start_s = time.perf_counter()
        await asyncio.sleep(0.001)
        pauses_s.append(time.perf_counter() - start_s - 0.001)


def _until(end_s: float) -> Iterator[int]:
    return itertools.takewhile(lambda _: time.perf_counter() < end_s, itertools.count())


async def _measure(folder: Path, name: str, content: bytes) -> str:
    store = SqlStore.open(folder / f"{name}.db", post)
    shelf = store.open_shelf(Vault(bytes(32)), SystemClock(), _AMPLE)
    waits_s, puts_s, pauses_s = list[float](), list[float](), list[float]()
    beside = [asyncio.create_task(_watch(pauses_s))]
    if content:
        beside.append(asyncio.create_task(_keep(shelf, content, puts_s)))
    numbers = _until(time.perf_counter() + _ROW_S)
    await asyncio.gather(*(client(store, numbers, waits_s) for _ in range(_CLIENTS)))
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    await store.close()
    waits_s.sort()
    p50_ms, p99_ms = (waits_s[int(len(waits_s) * share)] * 1e3 for share in (0.5, 0.99))
    put_ms = f"{sorted(puts_s)[len(puts_s) // 2] * 1e3:.0f}" if puts_s else "–"
    cells = (name, f"{p50_ms:.1f}", f"{p99_ms:.1f}", f"{waits_s[-1] * 1e3:.0f}")
    return f"| {' | '.join(cells)} | {max(pauses_s) * 1e3:.0f} | {len(puts_s)} | {put_ms} |\n"


def _main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    content = os.urandom(megabytes * 1_000_000)
    write = sys.stdout.write
    write(f"{platform.platform()}, Python {platform.python_version()}, ")
    write(f"SQLite {apsw.sqlite_lib_version()}, {time.strftime('%Y-%m-%d')}, {megabytes} MB\n\n")
    write("| kept | reserve p50 ms | p99 ms | max ms | longest pause ms | puts | put p50 ms |\n")
    write("|---|---|---|---|---|---|---|\n")
    with tempfile.TemporaryDirectory() as folder:
        write(asyncio.run(_measure(Path(folder), "nothing", b"")))
        write(asyncio.run(_measure(Path(folder), "in files", content)))
        sql_shelf.ROW_BYTES_MAX = len(content)
        write(asyncio.run(_measure(Path(folder), "in rows", content)))


if __name__ == "__main__":
    _main()
