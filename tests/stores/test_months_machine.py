"""Months of random business: whatever is charged, refunded, granted and closed, the sums agree."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from kilonova.billing.closing import MonthEnd
from kilonova.billing.corrections import Corrections
from kilonova.billing.dues import dues, open_month
from kilonova.billing.focus.export import focus_table
from kilonova.billing.invoice.document import Party, read_document
from kilonova.billing.invoice.stationery import Stationery
from kilonova.billing.month import Month
from kilonova.billing.posting import post
from kilonova.billing.verify import verify
from kilonova.core.books import DAY_MS, TIME_MS_MAX, UsageFilter
from kilonova.core.corrections import AdjustmentOrder
from kilonova.core.errors import Conflict, InvalidRequest
from kilonova.core.model import Price
from kilonova.core.money import format_nano, parse_nano
from kilonova.core.usage import Usage
from kilonova.stores.memory import MemoryStore
from ledger_samples import FixedClock, hold, record

OWNERS = ("1", "2")
PRICES = (
    Price(input=35_000_000, cache_read=8_750_000, output=140_000_000, discount_ppm=33_333),
    Price(input=3_000_000_001, cache_write=7, output=15_000_000_001, reasoning=18_000_000_003),
    Price(),
)
Answer = TypeVar("Answer")
Tokens = st.integers(0, 3_000_000)


class Business(RuleBasedStateMachine):
    """Two organisations over some months."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = FixedClock(Month(2026, 1).since_ms / 1000)
        self.month = Month(2026, 1)
        self.store = MemoryStore(post)
        lock = asyncio.Lock()
        book, corrections = self.store.book, self.store.corrections
        self.corrections = Corrections(book, corrections, self.clock, lock=lock)
        self.month_end = MonthEnd(
            book,
            corrections,
            self.clock,
            lock=lock,
            stationery=Stationery(issuer=Party(name="Nova"), tax_ppm=196_000),
            customers=list,
        )
        self.requests: list[str] = []
        self.refunded: Counter[str] = Counter()

    def teardown(self) -> None:
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return self.loop.run_until_complete(work)

    @rule(
        owner=st.sampled_from(OWNERS),
        price=st.sampled_from(PRICES),
        tokens=st.tuples(Tokens, Tokens, Tokens),
        share_ppm=st.sampled_from((10**6, 10**6, 700_000)),
    )
    def use(self, owner: str, price: Price, tokens: tuple[int, int, int], share_ppm: int) -> None:
        """A request; sometimes only a share of its worth is charged, as after a crash."""
        name = f"req_{len(self.requests):04d}"
        now_ms = round(self.clock.now * 1000)
        usage = Usage(
            input_tokens=tokens[0],
            output_tokens=tokens[1] + tokens[2],
            reasoning_tokens=tokens[2],
        )
        worth = price.charge(usage)
        charge = worth * share_ppm // 10**6
        held = replace(hold(name, owner=owner, price=price, held_nano=worth), started_ms=now_ms)
        settled = record(held, usage, finished_ms=now_ms, price=price)
        settled = replace(settled, price_nano=charge, shortfall_nano=worth - charge)

        async def settle() -> None:
            await self.store.ledger.reserve(held)
            await self.store.ledger.settle(settled)

        self.run(settle())
        self.requests.append(name)

    @precondition(lambda self: self.requests)
    @rule(place=st.integers(0, 10**6), amount=st.none() | st.integers(1, 10**10))
    def refund(self, place: int, amount: int | None) -> None:
        name = self.requests[place % len(self.requests)]
        booked = self.store.book.record(name)
        assert booked is not None
        left = booked.record.price_nano - self.refunded[name]
        order = AdjustmentOrder(
            kind="refund",
            organisation_id=booked.record.organisation_id,
            reason="test",
            request_id=name,
            amount_nano=amount,
        )
        try:
            refund = self.run(self.corrections.adjust(order))
        except InvalidRequest:
            assert left == 0 or (amount or 0) > left
        else:
            assert 0 < refund.amount_nano <= left
            self.refunded[name] += refund.amount_nano

    @rule(
        owner=st.sampled_from(OWNERS),
        kind=st.sampled_from(("credit", "allowance", "correction")),
        amount=st.integers(1, 5 * 10**9),
        days=st.none() | st.integers(1, 70),
    )
    def grant(self, owner: str, kind: str, amount: int, days: int | None) -> None:
        ends_ms = None if days is None else round(self.clock.now * 1000) + days * DAY_MS
        order = AdjustmentOrder(
            kind=kind,  # type: ignore[arg-type]
            organisation_id=f"org_{owner}",
            reason="test",
            amount_nano=-amount if kind == "correction" else amount,
            expires_ms=None if kind == "correction" else ends_ms,
            tokens=1_000_000 if kind == "allowance" else 0,
        )
        self.run(self.corrections.adjust(order))

    @rule(days=st.integers(-3, 12))
    def wait(self, days: int) -> None:
        """Time passes; now and then a clock goes back."""
        self.clock.now += days * DAY_MS / 1000

    @rule(days=st.integers(0, 20))
    def close(self, days: int) -> None:
        """Close the oldest open month, when it is over."""
        with self.store.book.snapshot() as view:
            month = open_month(view)
        if month is None:
            return
        self.clock.now = max(self.clock.now, month.until_ms / 1000) + days * DAY_MS / 1000
        try:
            self.run(self.month_end.close(str(month)))
        except Conflict:
            raise AssertionError("an over month could not be closed") from None

    @invariant()
    def the_books_are_sound(self) -> None:
        assert verify(self.store.book) == []

    @invariant()
    def every_debt_is_on_an_invoice(self) -> None:
        """Closed months owe their invoices; what is left is charged in open ones."""
        with self.store.book.snapshot() as view:
            invoiced: Counter[str] = Counter()
            for each in view.invoices():
                due = read_document(each.document).totals.due
                invoiced[each.organisation_id] += parse_nano(due)
            since = UsageFilter(since_ms=self.store.corrections.open_from_ms)
            owed = invoiced.copy()
            for charged in view.charges(since):
                owed[charged.organisation_id] += charged.price_nano
            for adjusted in view.adjustments(since):
                owed[adjusted.organisation_id] += adjusted.owed_nano
            balances = view.balances()
            for owner in OWNERS:
                kept = balances.get(f"receivable:USD:org_{owner}", 0)
                assert kept == owed[f"org_{owner}"]
            table = focus_table(
                view,
                UsageFilter(until_ms=TIME_MS_MAX),
                customers=[],
                issuer="Nova",
                version="1.2",
            )
        billed: Counter[str | None] = Counter()
        place, number = table.columns.index("BilledCost"), table.columns.index("InvoiceId")
        for row in table.rows:
            billed[row[number]] += parse_nano(row[place] or "")
        assert sum(billed.values()) == sum(
            balances.get(f"receivable:USD:org_{o}", 0) for o in OWNERS
        )
        assert sum(nano for name, nano in billed.items() if name) == sum(invoiced.values())

    @invariant()
    def promises_are_kept(self) -> None:
        """What is promised and not used is what customers hold, and never below nothing."""
        with self.store.book.snapshot() as view:
            balances = view.balances()
            month = open_month(view)
            planned = (
                [dues(view, f"org_{o}", month, open_from=month) for o in OWNERS] if month else []
            )
        held = [balances.get(f"credits:USD:org_{owner}", 0) for owner in OWNERS]
        assert all(nano <= 0 for nano in held), format_nano(max(held))
        assert balances.get("credits_promised:USD", 0) == -sum(held)
        for owner, due in zip(OWNERS, planned, strict=False):
            used = sum(a.amount_nano for a in due.planned if a.kind.startswith("credit_"))
            assert used <= -balances.get(f"credits:USD:org_{owner}", 0)


Business.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestBusiness = Business.TestCase
