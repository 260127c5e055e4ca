"""How long reports take over a million requests, beside reading the records one by one.

``python -m benchmarks.statements [requests]``: fills a store with a month of 500 organisations, few
of them large and most of them small, busy by day; then asks for reports. Each row is the best of
three. The last one is what a report would cost without the sums that are kept.
"""

import asyncio
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import apsw

from kilonova.billing.posting import post
from kilonova.billing.statement.desk import plan_terms
from kilonova.billing.statement.profit_and_loss import draw_up
from kilonova.core.books import Grouping, LedgerView, UsageFilter
from kilonova.core.model import Price
from kilonova.core.ports import Hold
from kilonova.core.statement import StatementOrder
from kilonova.core.tally import add_up
from kilonova.core.usage import Cost, Usage, UsageRecord
from kilonova.settings import Settings
from kilonova.stores.sql.hours import HourSums
from kilonova.stores.sql.operations import Settle, apply
from kilonova.stores.sql.store import SqlStore

_ORGANISATIONS, _MODELS, _DAYS, _DIALECTS = 500, 6, 30, ("openai", "bedrock", "anthropic")
_START_MS = 1_793_491_200_000  # 2026-11-01
_DAY_MS = 86_400_000
_BATCH = 10_000
_NOW_MS = _START_MS + _DAYS * _DAY_MS
_TERMS = plan_terms(Settings(), engines={"engine-0": "llamacpp", "engine-1": "llamacpp"})
_PRICE = Price(
    input=150_000_000, cache_read=15_000_000, output=600_000_000, version="v1", discount_ppm=50_000
)
_REPORTS: tuple[tuple[Grouping, ...], ...] = (
    (),
    ("model",),
    ("organisation",),
    ("key",),
    ("day", "model"),
    ("hour",),
    ("organisation", "project", "model", "engine", "resource"),
)


def _settlements(requests: int) -> Iterator[Settle]:
    """Organisation k asks 1/k as often as the first; noon is thrice as busy as the night."""
    dice = random.Random(7)
    organisations = range(1, _ORGANISATIONS + 1)
    weights = [1 / rank for rank in organisations]
    hours = [3 if 8 <= hour < 20 else 1 for hour in range(24)]
    asked = dice.choices(organisations, weights, k=requests)
    at = dice.choices(range(24), hours, k=requests)
    for number in range(requests):
        organisation = asked[number]
        start_ms = _START_MS + number * _DAYS // requests * _DAY_MS
        start_ms += at[number] * 3_600_000 + dice.randrange(3_600_000)
        yield _settlement(f"req_{number:026}", organisation, start_ms)


def _settlement(request_id: str, organisation: int, started_ms: int) -> Settle:
    """An organisation has two projects and as many keys, a wire, and one or two models."""
    half = int(request_id[-1]) % 2
    record = UsageRecord(
        request_id=request_id,
        organisation_id=f"org_01m83stv9kydpredhm0k5{organisation:05}",
        project_id=f"proj_01m83stv9kydpredhm0k5{organisation * 2 + half:05}",
        key_id=f"key_01m83stv9kydpredhm0k5{organisation * 2 + half:05}",
        model_id=f"kilonova.model-{(organisation + half) % _MODELS}-v1:0",
        dialect=_DIALECTS[organisation % len(_DIALECTS)],
        outcome="completed",
        usage=Usage(input_tokens=900, cache_read_tokens=300, output_tokens=250),
        price_nano=_PRICE.charge(Usage(input_tokens=900, cache_read_tokens=300, output_tokens=250)),
        currency="USD",
        price_version="v1",
        started_ms=started_ms,
        finished_ms=started_ms + 800,
        engine=f"engine-{organisation % 2}",
        cost=Cost(
            resource="machine",
            currency="USD",
            busy_ns=2_000_000 + organisation,
            marginal_nano=900,
            direct_nano=6_000 + organisation,
            energy_uj=90_000,
            co2_ug=20,
            basis="modelled",
        ),
    )
    return Settle(record, _hold(record), post(record))


def _hold(record: UsageRecord) -> Hold:
    return Hold(
        request_id=record.request_id,
        organisation_id=record.organisation_id,
        project_id=record.project_id,
        key_id=record.key_id,
        model_id=record.model_id,
        dialect=record.dialect,
        held_nano=record.price_nano,
        price=_PRICE,
        input_tokens=1200,
        started_ms=record.started_ms,
    )


async def _make(path: Path) -> None:
    await SqlStore.open(path, post).close()


def fill(path: Path, requests: int) -> None:
    """Settles the requests in large transactions, by the statements of the writer."""
    asyncio.run(_make(path))
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA synchronous = OFF")
    sums, settlements = HourSums(connection), _settlements(requests)
    while batch := list(islice(settlements, _BATCH)):
        with connection:
            apply(connection, batch, sums)
    connection.close()


def _one_by_one(view: LedgerView) -> None:
    add_up((booked.record, booked.price) for booked in view.records())


def _best_s(act: Callable[[], object]) -> tuple[float, float]:
    """The least CPU and the least time of three runs."""
    runs = []
    for _ in range(3):
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        act()
        runs.append((time.process_time() - cpu_s, time.perf_counter() - wall_s))
    return min(run[0] for run in runs), min(run[1] for run in runs)


def _report(path: Path, write: Callable[[str], object]) -> None:
    write("| report by | lines | CPU s | s | s of records one by one |\n|---|---|---|---|---|\n")
    with SqlStore.reading(path).snapshot() as view:
        slow_s = _best_s(lambda: _one_by_one(view))[1]
        for grouping in _REPORTS:
            chosen = UsageFilter()
            lines = len(view.usage(chosen, grouping))
            cpu_s, wall_s = _best_s(lambda: view.usage(chosen, grouping))  # noqa: B023
            times = f"{cpu_s:.2f} | {wall_s:.2f} | {slow_s / wall_s:.0f} x"
            write(f"| {', '.join(grouping) or 'nothing'} | {lines} | {times} |\n")
        order = StatementOrder(by="organisation", period="2026-11", has_moments=True)
        cpu_s, wall_s = _best_s(lambda: draw_up(view, order, terms=_TERMS, now_ms=_NOW_MS))
        write(f"| profit and loss, with pictures | | {cpu_s:.2f} | {wall_s:.2f} | |\n")
        write(f"| records one by one | | | {slow_s:.1f} | |\n")


def _main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    write = sys.stdout.write
    write(f"{platform.platform()}, Python {platform.python_version()}, ")
    write(
        f"SQLite {apsw.sqlite_lib_version()}, {time.strftime('%Y-%m-%d')}; {requests} requests\n\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kilonova.db"
        fill(path, requests)
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        hours = connection.execute("SELECT count(*) FROM usage_hours").get
        write(f"{path.stat().st_size / 1e6:.0f} MB; {hours} sums of an hour\n\n")
        _report(path, write)


if __name__ == "__main__":
    _main()
