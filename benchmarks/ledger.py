"""What money costs: CPU and rate of reserve + settle on a durable store.

``python -m benchmarks.ledger [requests]``: a closed loop of clients, each of which reserves,
settles and begins again, in this process. The CPU includes the event loop and the commits.
"""

import asyncio
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import apsw

from kilonova.billing.posting import post
from kilonova.billing.verify import verify
from kilonova.core.ids import new_id
from kilonova.core.model import Price
from kilonova.core.ports import Hold
from kilonova.core.usage import Usage, UsageRecord
from kilonova.stores.sql.store import SqlStore

_CLIENTS = (1, 8, 16, 32, 64, 128)
_PRICE = Price(input=150_000, cache_read=15_000, cache_write=190_000, output=600_000, version="v1")
_USAGE = Usage(input_tokens=100, output_tokens=50)


def _hold(number: int) -> Hold:
    return Hold(
        request_id=new_id("req"),
        organisation_id=f"org_01m83stv9kydpredhm0k51jv{number % 3:02}",
        project_id=f"proj_01m83stv9kydpredhm0k51jv{number % 5:02}",
        key_id=f"key_01m83stv9kydpredhm0k51jv{number % 8:02}",
        model_id="kilonova.spark-v1:0",
        dialect="benchmark",
        held_nano=1_000_000,
        price=_PRICE,
        input_tokens=100,
        started_ms=time.time_ns() // 1_000_000,
    )


def _record(hold: Hold) -> UsageRecord:
    return UsageRecord(
        request_id=hold.request_id,
        organisation_id=hold.organisation_id,
        project_id=hold.project_id,
        key_id=hold.key_id,
        model_id=hold.model_id,
        dialect=hold.dialect,
        outcome="completed",
        usage=_USAGE,
        price_nano=_PRICE.charge(_USAGE),
        currency=hold.price.currency,
        price_version=hold.price.version,
        started_ms=hold.started_ms,
        finished_ms=hold.started_ms + 5,
    )


async def client(store: SqlStore, numbers: Iterator[int], waits_s: list[float]) -> None:
    """Reserves and settles until there are no numbers left; notes how long a reservation took."""
    for number in numbers:
        hold = _hold(number)
        start_s = time.perf_counter()
        await store.ledger.reserve(hold)
        waits_s.append(time.perf_counter() - start_s)
        await store.ledger.settle(_record(hold))


async def _measure(folder: Path, clients: int, requests: int) -> str:
    store = SqlStore.open(folder / f"{clients}.db", post)
    numbers, waits_s = iter(range(requests)), list[float]()
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    await asyncio.gather(*(client(store, numbers, waits_s) for _ in range(clients)))
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    assert verify(store.book, live=set) == []
    await store.close()
    waits_s.sort()
    p50_ms, p99_ms = (waits_s[int(requests * share)] * 1e3 for share in (0.5, 0.99))
    cells = (clients, f"{cpu_s / requests * 1e6:.0f}", f"{requests / wall_s:.0f}")
    return f"| {' | '.join(map(str, cells))} | {p50_ms:.2f} | {p99_ms:.2f} |\n"


def _main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    write = sys.stdout.write
    write(f"{platform.platform()}, Python {platform.python_version()}, ")
    write(f"SQLite {apsw.sqlite_lib_version()}, {time.strftime('%Y-%m-%d')}\n\n")
    write("| clients | CPU µs a request | requests/s | reserve p50 ms | p99 ms |\n")
    write("|---|---|---|---|---|\n")
    with tempfile.TemporaryDirectory() as folder:
        for clients in _CLIENTS:
            write(asyncio.run(_measure(Path(folder), clients, min(requests, clients * 500))))


if __name__ == "__main__":
    _main()
