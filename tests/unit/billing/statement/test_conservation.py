"""What statements say is what single requests took and paid: found out where it is not."""

import asyncio
from pathlib import Path

import apsw
import pytest
from msgspec.structs import replace

from kilonova.billing.posting import post
from kilonova.billing.statement.conservation import CONSERVED, not_conserved
from kilonova.billing.statement.desk import plan_terms
from kilonova.core.usage import Cost
from kilonova.settings import Settings
from kilonova.stores.sql.store import SqlStore
from ledger_samples import DAY_MS, START_MS, hold, record, used

TERMS = plan_terms(Settings(), engines={"echo": "echo"})
(MACHINE,) = TERMS.resources
COST = Cost(
    resource=MACHINE,
    currency="USD",
    busy_ns=10**9,
    marginal_nano=40,
    direct_nano=1_000,
    basis="assumed",
)
NOW_MS = START_MS + DAY_MS
DAMAGES = [
    ("UPDATE usage_records SET direct_nano = direct_nano + 1", "costs_are_conserved"),
    ("UPDATE usage_records SET marginal_nano = 0", "costs_are_conserved"),
    ("UPDATE usage_records SET price_nano = price_nano - 1", "revenue_is_conserved"),
]


async def _write(path: Path) -> None:
    store = SqlStore.open(path, post)
    for number in range(5):
        held = hold(f"req_{number}", owner=str(number % 2))
        await store.ledger.reserve(held)
        cost = replace(COST, direct_nano=1_000 + 7 * number) if number else Cost()
        await store.ledger.settle(replace(record(held, used(1_000 * number)), cost=cost))
    await store.close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Five requests of two organisations on one machine, one of unknown cost."""
    path = tmp_path_factory.mktemp("conserved") / "kilonova.db"
    asyncio.run(_write(path))
    return path.read_bytes()


def test_nothing_is_lost(sound: bytes, tmp_path: Path) -> None:
    """Protects the audit from false alarms, also before the first request."""
    path = tmp_path / "kilonova.db"
    path.write_bytes(sound)
    assert not_conserved(SqlStore.reading(path), TERMS, now_ms=NOW_MS) == []
    empty = tmp_path / "empty.db"
    asyncio.run(SqlStore.open(empty, post).close())
    assert not_conserved(SqlStore.reading(empty), TERMS, now_ms=NOW_MS) == []


@pytest.mark.parametrize(("damage", "invariant"), DAMAGES)
def test_what_is_lost_is_found(sound: bytes, tmp_path: Path, damage: str, invariant: str) -> None:
    """Protects statements: a nano-unit between them and the requests does not pass."""
    path = tmp_path / "kilonova.db"
    path.write_bytes(sound)
    connection = apsw.Connection(str(path))
    connection.execute(damage)
    connection.close()
    found = {each.invariant for each in not_conserved(SqlStore.reading(path), TERMS, now_ms=NOW_MS)}
    assert invariant in found
    assert found <= set(CONSERVED)
