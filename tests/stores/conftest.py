"""Every kind of store, for the one suite that all of them must pass."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kilonova.billing.posting import post
from kilonova.billing.verify import verify
from kilonova.stores.memory import MemoryStore
from kilonova.stores.sql.store import SqlStore


@pytest.fixture(params=["memory", "sql"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[MemoryStore | SqlStore]:
    """An empty store; whatever a test does to it, its books are sound afterwards."""
    opened: MemoryStore | SqlStore
    if request.param == "memory":
        opened = MemoryStore(post)
    else:
        opened = SqlStore.open(tmp_path / "kilonova.db", post)
    yield opened
    assert verify(opened.book) == []
    await opened.close()
