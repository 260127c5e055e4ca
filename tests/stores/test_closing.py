"""Corrections and closed months, on every kind of store."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import msgspec
import pytest
from msgspec.structs import replace

from kilonova.billing.closing import MonthEnd
from kilonova.billing.corrections import Corrections
from kilonova.billing.invoice.document import Document, Party, read_document
from kilonova.billing.invoice.stationery import Customer, Stationery
from kilonova.billing.posting import post
from kilonova.billing.verify import verify
from kilonova.core.books import CorrectionBook, Posted, UsageFilter
from kilonova.core.corrections import Adjustment, AdjustmentOrder
from kilonova.core.errors import Conflict, InvalidRequest, KilonovaError, NotFound
from kilonova.core.model import Price
from kilonova.core.money import NANO, parse_nano
from kilonova.core.usage import Usage
from kilonova.stores.memory import MemoryStore
from kilonova.stores.sql.store import SqlStore
from ledger_samples import FixedClock, hold, record

Store = MemoryStore | SqlStore


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


PRICE = Price(input=2 * NANO, output=10 * NANO, version="v1")
STATIONERY = Stationery(
    issuer=Party(name="Nova Ltd", address=("1 Star Road", "Lyon"), vat_id="FR123"),
    number_prefix="N-",
    tax_ppm=200_000,
)


class Office:
    """A store, a clock, and those who work on the books."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = FixedClock(moment("2026-10-05T12:00:00"))
        lock = asyncio.Lock()
        self.corrections = Corrections(store.book, store.corrections, self.clock, lock=lock)
        self.month_end = MonthEnd(
            store.book,
            store.corrections,
            self.clock,
            lock=lock,
            stationery=STATIONERY,
            customers=lambda: [Customer(id="org_1", name="acme", projects={"proj_1": "lab"})],
        )

    def at(self, text: str) -> None:
        self.clock.now = moment(text)

    async def request(
        self, name: str, *, owner: str = "1", tokens: int = 1_000_000, price: Price = PRICE
    ) -> None:
        """A settled request; a million tokens of output are 10 USD."""
        now_ms = round(self.clock.now * 1000)
        held = replace(hold(name, owner=owner, price=price, held_nano=10**12), started_ms=now_ms)
        await self.store.ledger.reserve(held)
        usage = Usage(output_tokens=tokens)
        await self.store.ledger.settle(record(held, usage, finished_ms=now_ms, price=price))

    async def order(self, kind: str, **how: object) -> Adjustment:
        values = {"organisation_id": "org_1", "reason": "because", "kind": kind, **how}
        return await self.corrections.adjust(msgspec.convert(values, AdjustmentOrder))

    def adjustments(self) -> list[Adjustment]:
        with self.store.book.snapshot() as view:
            return view.adjustments(UsageFilter())

    def invoices(self) -> dict[str, Document]:
        with self.store.book.snapshot() as view:
            return {each.organisation_id: read_document(each.document) for each in view.invoices()}

    def balance(self, account: str) -> int:
        with self.store.book.snapshot() as view:
            return view.balances().get(account, 0)


@pytest.fixture
def office(store: Store) -> Office:
    return Office(store)


async def test_a_refund_is_an_entry_of_its_own(office: Office) -> None:
    """Protects history: the record stays, and the account is credited beside it."""
    await office.request("req_1")
    refund = await office.order("refund", request_id="req_1", amount_nano=4 * NANO)
    assert (refund.model_id, refund.refers_to) == ("kilonova.spark-v1:0", "2026-10")
    assert office.balance("receivable:USD:org_1") == 6 * NANO
    assert office.balance("refunds:USD:kilonova.spark-v1:0") == 4 * NANO
    with office.store.book.snapshot() as view:
        booked = view.record("req_1")
        assert booked is not None
        assert booked.record.price_nano == 10 * NANO


async def test_no_request_gives_back_more_than_it_cost(office: Office) -> None:
    """Protects the till: refunds of one request add up to its charge at most."""
    await office.request("req_1")
    await office.order("refund", request_id="req_1", amount_nano=4 * NANO)
    with pytest.raises(InvalidRequest, match=r"no more than 6\.000000000 is left"):
        await office.order("refund", request_id="req_1", amount_nano=7 * NANO)
    assert (await office.order("refund", request_id="req_1")).amount_nano == 6 * NANO
    with pytest.raises(InvalidRequest):
        await office.order("refund", request_id="req_1")


async def test_two_refunds_at_once_are_one_after_the_other(office: Office) -> None:
    """Protects the till from a race: of two full refunds, one is refused."""
    await office.request("req_1")
    orders = [office.order("refund", request_id="req_1") for _ in range(2)]
    ends = await asyncio.gather(*orders, return_exceptions=True)
    assert sorted(type(end) for end in ends if isinstance(end, Exception)) == [InvalidRequest]
    assert office.balance("receivable:USD:org_1") == 0


async def test_a_client_token_makes_repeating_safe(office: Office) -> None:
    """Protects operators whose connection broke: the same order is booked once."""
    first = await office.order("credit", amount_nano=5, client_token="t1")
    assert await office.order("credit", amount_nano=5, client_token="t1") == first
    with pytest.raises(Conflict, match="another amount"):
        await office.order("credit", amount_nano=6, client_token="t1")
    assert len(office.adjustments()) == 1


@pytest.mark.parametrize(
    ("kind", "how", "error", "words"),
    [
        ("refund", {"request_id": "req_9"}, NotFound, "no such settled request"),
        ("refund", {"request_id": "req_2"}, NotFound, "no such settled request"),
        ("refund", {"request_id": "req_1", "amount_nano": 0}, InvalidRequest, "refund"),
        ("refund", {"request_id": "req_1", "currency": "EUR"}, InvalidRequest, "USD"),
        ("credit", {"amount_nano": -5}, InvalidRequest, "credit"),
        ("credit", {}, InvalidRequest, "amount is missing"),
        ("credit", {"amount_nano": 5, "currency": "EUR"}, InvalidRequest, "charged in USD"),
        ("credit", {"amount_nano": 5, "expires_ms": 1}, InvalidRequest, "ended before"),
        ("credit", {"amount_nano": 5, "tokens": 1}, InvalidRequest, "tokens"),
        ("credit", {"amount_nano": 5, "request_id": "req_1"}, InvalidRequest, "Only a refund"),
        ("correction", {"amount_nano": 0}, InvalidRequest, "correction"),
        ("correction", {"amount_nano": 5, "refers_to": "2026-13"}, InvalidRequest, "month"),
        ("correction", {"amount_nano": 5, "refers_to": "2026-11"}, InvalidRequest, "not begun"),
    ],
)
async def test_a_bad_order_books_nothing(
    office: Office, kind: str, how: dict[str, object], error: type[KilonovaError], words: str
) -> None:
    """Protects the books from half-understood orders: each is refused by name."""
    await office.request("req_1")
    await office.request("req_2", owner="2")
    with pytest.raises(error, match=words):
        await office.order(kind, **how)
    assert office.adjustments() == []


async def test_a_closed_month_owes_what_its_invoice_says(office: Office) -> None:
    """Protects the customer and the books at once: lines, offsets, tax and the last rounding add up
    to the cent on the invoice, and to the nano-unit in the ledger."""
    await office.order("credit", amount_nano=3 * NANO)
    await office.order("allowance", amount_nano=NANO)
    await office.request("req_1", tokens=999_999)
    await office.request("req_2")
    await office.order("refund", request_id="req_2", amount_nano=2 * NANO)
    await office.order("correction", amount_nano=-NANO // 2, refers_to="2026-10")
    office.at("2026-11-02")
    closing = await office.month_end.close("2026-10")
    totals = office.invoices()["org_1"].totals
    assert totals.charges == "19.999990000"
    assert totals.subtotal == "13.499990000"
    assert (totals.tax, totals.rounding, totals.due) == (
        "2.699998000",
        "0.000012000",
        "16.200000000",
    )
    assert office.balance("receivable:USD:org_1") == parse_nano(totals.due)
    assert office.balance("tax:USD") == -2_699_998_000
    assert office.balance("credits:USD:org_1") == 0
    assert closing.period == "2026-10"


async def test_what_is_not_used_is_there_next_month_until_it_expires(office: Office) -> None:
    """Protects credits: the rest carries over, and what ended is taken back in its month."""
    ends = round(moment("2026-11-15") * 1000)
    await office.order("credit", amount_nano=100 * NANO, expires_ms=ends)
    await office.request("req_1")
    office.at("2026-11-14")
    await office.request("req_2")
    office.at("2026-11-20")
    await office.request("req_3")
    office.at("2026-12-01")
    await office.month_end.close("2026-10")
    await office.month_end.close("2026-11")
    used = [each.amount_nano for each in office.adjustments() if each.kind == "credit_use"]
    assert used == [10 * NANO, 10 * NANO]
    assert [a.amount_nano for a in office.adjustments() if a.kind == "credit_expiry"] == [80 * NANO]
    assert office.balance("credits_promised:USD") == 0


async def test_months_are_closed_in_order_and_once(office: Office) -> None:
    """Protects numbering and carry-over: no month is skipped, none closed early or twice."""
    await office.request("req_1")
    close = office.month_end.close
    with pytest.raises(Conflict, match="still running"):
        await close("2026-10")
    office.at("2026-12-02")
    await office.request("req_2")
    with pytest.raises(Conflict, match="2026-10 is open"):
        await close("2026-11")
    with pytest.raises(Conflict, match="nothing to close"):
        await close("2026-09")
    await close("2026-10")
    with pytest.raises(Conflict, match="closed already"):
        await close("2026-10")
    await close("2026-11")


async def test_a_running_request_keeps_its_month_open(office: Office) -> None:
    """Protects invoices from work that is still under way."""
    await office.request("req_1")
    held = replace(hold("req_2"), started_ms=round(office.clock.now * 1000))
    await office.store.ledger.reserve(held)
    office.at("2026-11-01")
    with pytest.raises(Conflict, match="1 requests that began"):
        await office.month_end.close("2026-10")
    await office.store.ledger.settle(
        record(held, Usage(), finished_ms=round(office.clock.now * 1000))
    )
    await office.month_end.close("2026-10")


async def test_nothing_is_booked_into_a_closed_month(office: Office) -> None:
    """Protects frozen books from a clock that went back: records and adjustments open the next."""
    await office.request("req_1")
    office.at("2026-11-01T00:00:01")
    await office.month_end.close("2026-10")
    office.at("2026-10-31T23:59:00")
    await office.request("req_2")
    refund = await office.order("refund", request_id="req_1")
    november = round(moment("2026-11-01") * 1000)
    assert (refund.booked_ms, refund.refers_to) == (november, "2026-10")
    with office.store.book.snapshot() as view:
        booked = view.record("req_2")
        assert booked is not None
        assert booked.record.finished_ms == november
    assert verify(office.store.book) == []


async def test_numbers_have_no_gaps(office: Office) -> None:
    """Protects the tax office's favourite rule: numbers follow one another over the months."""
    for owner in ("1", "2", "3"):
        await office.request(f"req_{owner}", owner=owner)
    office.at("2026-11-01")
    await office.request("req_4", owner="2")
    await office.month_end.close("2026-10")
    office.at("2026-12-01")
    await office.month_end.close("2026-11")
    with office.store.book.snapshot() as view:
        numbers = [each.number for each in view.invoices()]
    assert numbers == ["N-000001", "N-000002", "N-000003", "N-000004"]


async def test_free_use_gets_no_invoice(office: Office) -> None:
    """Protects customers from invoices about nothing."""
    await office.request("req_1", price=Price())
    office.at("2026-11-01")
    await office.month_end.close("2026-10")
    assert office.invoices() == {}


async def test_unsound_books_are_not_closed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects frozen months from known errors; the month stays open for new entries."""
    await office.request("req_1")
    office.at("2026-11-01")
    wrong: Callable[..., int] = lambda *_args: 0  # noqa: E731
    with monkeypatch.context() as patched:
        patched.setattr(Price, "charge", wrong)
        with pytest.raises(Conflict, match="not sound"):
            await office.month_end.close("2026-10")
    office.at("2026-10-31")
    await office.request("req_2")
    with office.store.book.snapshot() as view:
        booked = view.record("req_2")
        assert booked is not None
        assert booked.record.finished_ms == round(office.clock.now * 1000)


async def test_a_closed_month_stays_closed_over_a_restart(tmp_path: Path) -> None:
    """Protects frozen books from a clock that goes back while the server is down."""
    path = tmp_path / "kilonova.db"
    store = SqlStore.open(path, post)
    office = Office(store)
    await office.request("req_1")
    office.at("2026-12-31")
    await office.month_end.close("2026-10")
    await office.month_end.close("2026-11")
    await store.close()
    store = SqlStore.open(path, post)
    again = Office(store)
    await again.request("req_2")
    assert (await again.order("credit", amount_nano=1)).booked_ms == store.corrections.open_from_ms
    with store.book.snapshot() as view:
        booked = view.record("req_2")
        assert booked is not None
        assert booked.record.finished_ms == round(moment("2026-12-01") * 1000)
    assert verify(store.book) == []
    await store.close()


class SlowDisk:
    """A ``CorrectionBook`` that writes what is queued a while later."""

    def __init__(self, corrections: CorrectionBook) -> None:
        self._corrections = corrections
        self.queued = asyncio.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self._corrections, name)

    def adjust(self, posted: Sequence[Posted]) -> "asyncio.Future[None]":
        self.queued.set()
        return asyncio.ensure_future(self._write(posted))

    async def _write(self, posted: Sequence[Posted]) -> None:
        await asyncio.sleep(0.05)
        await self._corrections.adjust(posted)


@pytest.mark.parametrize("token", ["", "t1"])
async def test_who_hangs_up_does_not_open_the_till(office: Office, token: str) -> None:
    """Protects the till when an operator's connection breaks while a refund is on its way to the
    disk: the next one finds it there, and so does a repetition."""
    await office.request("req_1")
    slow = SlowDisk(office.store.corrections)
    office.corrections = Corrections(
        office.store.book, cast(CorrectionBook, slow), office.clock, lock=asyncio.Lock()
    )
    first = asyncio.create_task(office.order("refund", request_id="req_1", client_token=token))
    await slow.queued.wait()
    first.cancel()
    again = office.order("refund", request_id="req_1", client_token=token)
    ends = await asyncio.gather(first, again, return_exceptions=True)
    assert isinstance(ends[1], Adjustment) is bool(token)
    assert [each.amount_nano for each in office.adjustments()] == [10 * NANO]
    assert verify(office.store.book) == []


async def test_a_first_credit_is_in_the_currency_of_the_books(office: Office) -> None:
    """Protects invoices from two currencies: a credit that comes before any charge is in the one
    that charges will be in, and no other is taken."""
    office.corrections = Corrections(
        office.store.book, office.store.corrections, office.clock,
        lock=asyncio.Lock(), currency="EUR",
    )  # fmt: skip
    with pytest.raises(InvalidRequest, match="charged in EUR"):
        await office.order("credit", amount_nano=5, currency="USD")
    assert (await office.order("credit", amount_nano=3 * NANO)).currency == "EUR"
    await office.request("req_1", price=replace(PRICE, currency="EUR"))
    office.at("2026-11-02")
    await office.month_end.close("2026-10")
    assert office.balance("receivable:EUR:org_1") == parse_nano("8.40")
    assert office.balance("credits:EUR:org_1") == 0


async def test_a_refund_of_what_a_credit_paid_goes_back_to_the_credit(office: Office) -> None:
    """Protects credits: a request of a closed month that one paid is not turned into money, and
    what is given back pays again; in all it is as if the request had never been charged."""
    credit = await office.order("credit", amount_nano=25 * NANO)
    for name in ("req_1", "req_2", "req_3"):
        await office.request(name)
    office.at("2026-11-02T00:00:00")
    await office.month_end.close("2026-10")
    assert office.balance("credits:USD:org_1") == 0
    # 5 of the 30 were paid in money: they are the first to come back.
    await office.order("refund", request_id="req_1", client_token="t")
    assert office.balance("credits:USD:org_1") == -5 * NANO
    await office.order("refund", request_id="req_1", client_token="t")
    await office.order("refund", request_id="req_2", amount_nano=4 * NANO)
    await office.order("refund", request_id="req_2")
    assert office.balance("credits:USD:org_1") == -15 * NANO
    back = [each for each in office.adjustments() if each.amount_nano < 0]
    assert sorted(each.amount_nano for each in back) == [-6 * NANO, -5 * NANO, -4 * NANO]
    assert {each.refers_to for each in back} == {credit.id}
    await office.request("req_4")
    office.at("2026-12-02T00:00:00")
    await office.month_end.close("2026-11")
    # Of the 10 in November the 5 that were paid in money pay half, and the credit the rest.
    assert office.balance("credits:USD:org_1") == -10 * NANO
    with office.store.book.snapshot() as view:
        october, november = (read_document(each.document) for each in view.invoices())
    assert (october.totals.due, november.totals.due) == ("6.000000000", "0.000000000")
    assert verify(office.store.book) == []


async def test_a_credit_that_has_ended_gets_nothing_back(office: Office) -> None:
    """Protects the customer: what a credit paid that is over comes back in money."""
    ends = round(moment("2026-11-01T00:00:00") * 1000)
    await office.order("credit", amount_nano=10 * NANO, expires_ms=ends)
    await office.request("req_1")
    office.at("2026-11-02T00:00:00")
    await office.month_end.close("2026-10")
    await office.order("refund", request_id="req_1")
    assert [each.kind for each in office.adjustments()][-1] == "refund"
    assert office.balance("credits:USD:org_1") == 0
