"""Any order of requests, keys, restarts and power cuts, against a small ledger of what must hold.

A power cut is a copy of the files as they are at that instant, opened as a new process would.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
)

from kilonova.accounts.directory import Directory
from kilonova.accounts.service import Accounts, KeyOrder
from kilonova.accounts.vault import Vault
from kilonova.billing.posting import post
from kilonova.billing.recovery import recover
from kilonova.billing.verify import verify
from kilonova.core.errors import Unauthenticated
from kilonova.core.identity import BearerCredential, Limits
from kilonova.core.usage import Usage, UsageRecord
from kilonova.stores.sql.store import SqlStore
from ledger_samples import PRICE, FixedClock, hold, record, used

_Result = TypeVar("_Result")

TOKENS = st.integers(0, 1000)
VAULT = Vault(b"m" * 32)


class Reference:
    """What the caller saw: the least that the store must remember, and the most it may bill."""

    def __init__(self) -> None:
        self.open: dict[str, list[Usage]] = {}
        self.asked: dict[str, UsageRecord] = {}
        self.settled: dict[str, UsageRecord] = {}
        self.certain: set[str] = set()

    def reserve(self, request_id: str, *, is_on_disk: bool) -> None:
        self.open[request_id] = []
        if is_on_disk:
            self.certain.add(request_id)

    def settle(self, done: UsageRecord, *, is_on_disk: bool) -> None:
        self.asked[done.request_id] = done
        if is_on_disk:
            self.settled[done.request_id] = done

    def check(self, found: dict[str, UsageRecord]) -> None:
        """After a crash and recovery: every acknowledged request has one record, and rightly."""
        assert self.certain <= found.keys() <= self.open.keys()
        for request_id, got in found.items():
            deliveries = self.open[request_id]
            if request_id in self.settled:
                assert got == self.settled[request_id]
            elif got.outcome == "recovered":
                assert got.usage in [Usage(), *deliveries]
                assert got.price_nano == PRICE.charge(got.usage)
            else:
                assert got == self.asked[request_id]
        self.open = {request_id: self.open[request_id] for request_id in found}
        self.settled = found
        self.certain = set(found)

    def spent(self) -> int:
        """What is certainly spent: all that was asked for is, whether it is on disk or not."""
        return sum(each.price_nano for each in (self.asked | self.settled).values())


class LedgerMachine(RuleBasedStateMachine):
    """One store, one loop, one organisation."""

    requests = Bundle("requests")
    keys = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.reference = Reference()
        self.revoked: set[str] = set()
        self.count = 0

    def run(self, coming: Awaitable[_Result]) -> _Result:
        async def wait() -> _Result:
            return await coming

        return self.loop.run_until_complete(wait())

    @initialize()
    def open(self) -> None:
        async def opened() -> None:
            self.store = SqlStore.open(self.folder / "kilonova.db", post)
            self.directory = Directory(self.store.accounts, VAULT, FixedClock())
            forget = self.directory.forget
            self.accounts = Accounts(self.store.accounts, VAULT, FixedClock(), forget=forget)
            await self.accounts.start()
            await recover(self.store.ledger, FixedClock())

        self.run(opened())

    @rule(target=requests, waits=st.booleans())
    def reserve(self, waits: bool) -> str:
        async def reserved() -> None:
            done = self.store.ledger.reserve(hold(request_id))
            if waits:
                await done

        self.count += 1
        request_id = f"req_{self.count:04}"
        self.run(reserved())
        self.reference.reserve(request_id, is_on_disk=waits)
        return request_id

    @rule(request_id=requests, tokens=TOKENS)
    def checkpoint(self, request_id: str, tokens: int) -> None:
        async def noted() -> None:
            self.store.ledger.checkpoint(request_id, used(tokens))

        if request_id in self.reference.open and request_id not in self.reference.asked:
            self.reference.open[request_id].append(used(tokens))
            self.run(noted())

    @rule(request_id=consumes(requests), tokens=TOKENS, waits=st.booleans())
    def settle(self, request_id: str, tokens: int, waits: bool) -> None:
        self._settle(record(hold(request_id), used(tokens)), waits)

    @rule(request_id=consumes(requests))
    def cancel(self, request_id: str) -> None:
        self._settle(record(hold(request_id), Usage(), outcome="cancelled"), False)

    def _settle(self, done: UsageRecord, waits: bool) -> None:
        async def settled() -> None:
            on_disk = self.store.ledger.settle(done)
            if waits:
                await on_disk

        if done.request_id not in self.reference.open:
            return  # it was lost with the power before anybody was told that it runs
        if done.request_id in self.reference.settled:
            with pytest.raises(AssertionError, match="settled twice"):
                self.run(settled())
            return
        self.run(settled())
        self.reference.settle(done, is_on_disk=waits)

    @rule(target=keys)
    def create_key(self) -> tuple[str, str]:
        project = self.accounts.projects(self.accounts.organisations()[0].id)[0]
        made = self.run(self.accounts.create_key(project.id, KeyOrder()))
        assert made.bearer is not None
        return made.key.id, made.bearer

    @rule(key=keys, budget=st.integers(0, 9))
    def limit_key(self, key: tuple[str, str], budget: int) -> None:
        self.run(self.accounts.set_limits(key[0], lambda _: Limits(budget_nano=budget)))

    @rule(key=keys)
    def revoke_key(self, key: tuple[str, str]) -> None:
        self.run(self.accounts.revoke_key(key[0]))
        self.revoked.add(key[0])

    @rule(key=keys)
    def use_key(self, key: tuple[str, str]) -> None:
        if key[0] in self.revoked:
            with pytest.raises(Unauthenticated):
                self.directory.principal(BearerCredential(key[1]))
        else:
            assert self.directory.principal(BearerCredential(key[1])).key_id == key[0]

    @rule()
    def restart(self) -> None:
        self.run(self.store.close())
        self._reopen()

    @rule()
    def lose_power(self) -> None:
        after = Path(tempfile.mkdtemp())
        for name in ("kilonova.db", "kilonova.db-wal"):
            if (self.folder / name).exists():
                shutil.copy(self.folder / name, after / name)
        self.run(self.store.close())
        shutil.rmtree(self.folder)
        self.folder = after
        self._reopen()

    def _reopen(self) -> None:
        self.open()
        with self.store.book.snapshot() as view:
            assert view.holds() == []
            found = {each.record.request_id: each.record for each in view.records()}
        self.reference.check(found)
        self.reference.asked = dict(found)
        assert verify(self.store.book, live=set, patience_s=0) == []

    @invariant()
    def spending_is_exact(self) -> None:
        if hasattr(self, "store"):
            assert self.store.ledger.spent_nano("org_1") == self.reference.spent()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.restart()
            self.run(self.store.close())
        shutil.rmtree(self.folder)
        self.loop.close()


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
