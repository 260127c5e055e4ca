"""Any order of requests, keys, restarts and power cuts, against a small ledger of what must hold.

A power cut is a copy of the files as they are at that instant, opened as a new process would.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Coroutine
from pathlib import Path
from typing import TypeVar

import msgspec
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
from msgspec.structs import replace

from kilonova.accounts.directory import Directory
from kilonova.accounts.service import Accounts, KeyOrder
from kilonova.accounts.vault import Vault
from kilonova.billing.closing import MonthEnd
from kilonova.billing.corrections import Corrections
from kilonova.billing.invoice.stationery import Stationery
from kilonova.billing.month import Month, month_of
from kilonova.billing.posting import post
from kilonova.billing.recovery import recover
from kilonova.billing.verify import verify
from kilonova.core.corrections import Adjustment, AdjustmentOrder, Closing
from kilonova.core.errors import Conflict, InvalidRequest, Unauthenticated
from kilonova.core.identity import BearerCredential, Limits
from kilonova.core.model import Price
from kilonova.core.money import divide_half_even
from kilonova.core.ports import Hold
from kilonova.core.usage import Cost, Outcome, Usage, UsageRecord
from kilonova.stores.sql.store import SqlStore
from ledger_samples import PRICE, FixedClock, hold, record, used

_Result = TypeVar("_Result")

TOKENS = st.integers(0, 1000)
USAGES = st.builds(
    Usage,
    input_tokens=TOKENS,
    cache_read_tokens=TOKENS,
    cache_write_long_tokens=TOKENS,
    output_tokens=st.integers(500, 1000),
    reasoning_tokens=st.integers(0, 500),
)
COSTS = st.builds(
    Cost,
    resource=st.sampled_from(["machine", "vendor"]),
    currency=st.just("USD"),
    busy_ns=st.integers(0, 10**9),
    marginal_nano=TOKENS,
    direct_nano=TOKENS,
    energy_uj=TOKENS,
    co2_ug=TOKENS,
    basis=st.sampled_from(["", "measured", "invoiced"]),
)
PRICES = (
    PRICE,
    replace(
        PRICE, version="v2", output=7_777_777_777, reasoning=8_888_888_887, discount_ppm=125_000
    ),
    replace(PRICE, version="v3", cache_write_long=333_333, discount_ppm=1_000_000),
)
COIN = 10_000_000
NO_COST = Cost()
VAULT = Vault(b"m" * 32)


class Reference:
    """What the caller saw: the least that the store must remember, and the most it may bill.

    Months are by their names; everything of one organisation."""

    def __init__(self) -> None:
        self.open: dict[str, tuple[Hold, list[Usage]]] = {}
        self.asked: dict[str, UsageRecord] = {}
        self.settled: dict[str, UsageRecord] = {}
        self.certain: set[str] = set()
        self.booked: list[Adjustment] = []
        self.closed: list[Month] = []

    def settle(self, done: UsageRecord, *, is_on_disk: bool) -> None:
        self.asked[done.request_id] = done
        if is_on_disk:
            self.settled[done.request_id] = done

    def check(self, found: dict[str, UsageRecord]) -> None:
        """After a crash and recovery: every acknowledged request has one record, and rightly."""
        assert self.certain <= found.keys() <= self.open.keys()
        for request_id, got in found.items():
            held, deliveries = self.open[request_id]
            if request_id in self.settled:
                assert got == self.settled[request_id]
            elif got.outcome == "recovered":
                assert got.usage in [Usage(), *deliveries]
                assert got.price_nano == held.price.charge(got.usage)
            else:
                assert got == self.asked[request_id]
        self.open = {request_id: self.open[request_id] for request_id in found}
        self.asked, self.settled, self.certain = dict(found), found, set(found)

    def spent(self) -> int:
        """What is certainly spent: all that was asked for is, whether it is on disk or not."""
        return sum(each.price_nano for each in (self.asked | self.settled).values())

    def running(self) -> list[Hold]:
        return [held for name, (held, _) in self.open.items() if name not in self.asked]

    def next_month(self) -> Month | None:
        """The one to be closed next."""
        ends = [each.finished_ms for each in self.asked.values()]
        ends += [each.booked_ms for each in self.booked]
        return self.closed[-1].next if self.closed else month_of(min(ends)) if ends else None

    def owed(self) -> int:
        """Closed months to the coin, less what their credits cover, and all that came since."""
        moved = [(month_of(each.finished_ms), each.price_nano) for each in self.asked.values()]
        moved += [(month_of(each.booked_ms), each.owed_nano) for each in self.booked]
        granted = [each for each in self.booked if each.kind == "credit"]
        owed = used = 0
        for month in self.closed:
            bill = sum(nano for when, nano in moved if when == month)
            given = sum(c.amount_nano for c in granted if month_of(c.booked_ms) <= month)
            use = min(given - used, max(0, bill))
            owed += divide_half_even(bill - use, COIN) * COIN
            used += use
        return owed + sum(nano for when, nano in moved if when not in self.closed)


class LedgerMachine(RuleBasedStateMachine):
    """One store, one loop, one organisation, and a clock that crosses the ends of months."""

    requests = Bundle("requests")
    keys = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.reference = Reference()
        self.revoked: set[str] = set()
        self.count = 0
        self.clock = FixedClock()
        self.price = PRICE

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
            await recover(self.store.ledger, self.clock)
            lock = asyncio.Lock()
            book, corrections = self.store.book, self.store.corrections
            self.corrections = Corrections(book, corrections, self.clock, lock=lock)
            self.month_end = MonthEnd(
                book, corrections, self.clock, lock=lock, stationery=Stationery(), customers=list
            )

        self.run(opened())

    @property
    def now_ms(self) -> int:
        return round(self.clock.now * 1000)

    @rule(hours=st.integers(-30, 24 * 20))
    def move_clock(self, hours: int) -> None:
        self.clock.now += hours * 3600

    @rule(price=st.sampled_from(PRICES))
    def change_price(self, price: Price) -> None:
        self.price = price

    @rule(target=requests, waits=st.booleans(), tier=st.sampled_from(["default", "flex"]))
    def reserve(self, waits: bool, tier: str) -> str:
        async def reserved() -> None:
            done = self.store.ledger.reserve(held)
            if waits:
                await done

        self.count += 1
        request_id = f"req_{self.count:04}"
        held = replace(
            hold(request_id, price=self.price), service_tier=tier, started_ms=self.now_ms
        )
        self.run(reserved())
        self.reference.open[request_id] = held, []
        if waits:
            self.reference.certain.add(request_id)
        return request_id

    @rule(request_id=requests, tokens=TOKENS)
    def checkpoint(self, request_id: str, tokens: int) -> None:
        async def noted() -> None:
            self.store.ledger.checkpoint(request_id, used(tokens))

        if request_id in self.reference.open and request_id not in self.reference.asked:
            self.reference.open[request_id][1].append(used(tokens))
            self.run(noted())

    @rule(request_id=consumes(requests), usage=USAGES, cost=COSTS, waits=st.booleans())
    def settle(self, request_id: str, usage: Usage, cost: Cost, waits: bool) -> None:
        self._settle(request_id, usage, cost=cost, waits=waits)

    @rule(request_id=consumes(requests))
    def cancel(self, request_id: str) -> None:
        self._settle(request_id, Usage(), outcome="cancelled")

    def _settle(
        self,
        request_id: str,
        usage: Usage,
        *,
        cost: Cost = NO_COST,
        outcome: Outcome = "completed",
        waits: bool = False,
    ) -> None:
        async def settled() -> None:
            on_disk = self.store.ledger.settle(done)
            if waits:
                await on_disk

        if request_id not in self.reference.open:
            return  # it was lost with the power before anybody was told that it runs
        held, _ = self.reference.open[request_id]
        done = record(held, usage, outcome=outcome, finished_ms=self.now_ms, price=held.price)
        done = replace(done, service_tier=held.service_tier, cost=cost)
        if request_id in self.reference.asked:
            with pytest.raises(AssertionError, match="settled twice"):
                self.run(settled())
            return
        self.run(settled())
        # A clock that went back does not write into a closed month.
        open_ms = self.store.corrections.open_from_ms
        done = replace(done, finished_ms=max(done.finished_ms, open_ms))
        self.reference.settle(done, is_on_disk=waits)

    @rule(place=st.integers(0, 99), part=st.integers(1, 4))
    def refund(self, place: int, part: int) -> None:
        """All of a request that is left, or a part; nobody gets back more than it cost."""
        paid = [each for each in self.reference.settled.values() if each.price_nano]
        if not paid:
            return
        chosen = paid[place % len(paid)]
        given = [each for each in self.reference.booked if each.request_id == chosen.request_id]
        left = chosen.price_nano - sum(each.amount_nano for each in given)
        amount = -(-chosen.price_nano // part)
        if amount > left:
            with pytest.raises(InvalidRequest):
                self._book("refund", amount, request_id=chosen.request_id)
        else:
            self._book("refund", amount, request_id=chosen.request_id)

    @rule(kind=st.sampled_from(["credit", "correction"]), amount=st.integers(1, 10**7))
    def give_or_take(self, kind: str, amount: int) -> None:
        self._book(kind, amount)

    def _book(self, kind: str, amount_nano: int, *, request_id: str = "") -> None:
        order = {
            "kind": kind,
            "organisation_id": "org_1",
            "reason": "",
            "amount_nano": amount_nano,
            "request_id": request_id,
        }
        coming = self.corrections.adjust(msgspec.convert(order, AdjustmentOrder))
        self.reference.booked.append(self.run(coming))

    @rule(is_over=st.booleans(), cut_ms=st.none() | st.integers(0, 12))
    def close_month(self, is_over: bool, cut_ms: int | None) -> None:
        """The next one; it may be that the power goes while it is closed."""
        month = self.reference.next_month()
        if month is None:
            return
        if is_over:
            self.clock.now = max(self.clock.now, month.until_ms / 1000)
            for held in self.reference.running():
                self.cancel(held.request_id)
        coming = self.month_end.close(str(month))
        running = self.reference.running()
        if month.until_ms > self.now_ms or any(h.started_ms < month.until_ms for h in running):
            with pytest.raises(Conflict):
                self.run(coming)
            return
        if cut_ms is not None:
            self._lose_power_during(coming, cut_ms)
            return
        self.run(coming)
        self.reference.closed.append(month)
        self._check_debt()

    def _lose_power_during(self, coming: Coroutine[None, None, Closing], cut_ms: int) -> None:
        async def cut() -> None:
            closing = asyncio.create_task(coming)
            await asyncio.sleep(cut_ms / 1000)
            after = self._copy_disk()
            await closing
            await self._move(after)

        month = self.reference.next_month()
        assert month is not None
        self.run(cut())
        with SqlStore.reading(self.folder / "kilonova.db").snapshot() as view:
            if str(month) in [each.period for each in view.closings()]:
                self.reference.closed.append(month)
        self._reopen()

    def _check_debt(self) -> None:
        with self.store.book.snapshot() as view:
            assert view.balances().get("receivable:USD:org_1", 0) == self.reference.owed()

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
        self.run(self._move(self._copy_disk()))
        self._reopen()

    def _copy_disk(self) -> Path:
        after = Path(tempfile.mkdtemp())
        for name in ("kilonova.db", "kilonova.db-wal"):
            if (self.folder / name).exists():
                shutil.copy(self.folder / name, after / name)
        return after

    async def _move(self, after: Path) -> None:
        await self.store.close()
        shutil.rmtree(self.folder)
        self.folder = after

    def _reopen(self) -> None:
        self.open()
        with self.store.book.snapshot() as view:
            assert view.holds() == []
            found = {each.record.request_id: each.record for each in view.records()}
        self.reference.check(found)
        assert verify(self.store.book, live=set, patience_s=0) == []
        self._check_debt()

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
