"""Statements from the books of every store: what a period says, and what its requests cost."""

import msgspec
import pytest
from msgspec.structs import replace

from kilonova.billing.closed import FrozenMonth
from kilonova.billing.cost.rates import Rates
from kilonova.billing.cost.resource import Resource, resource_cost
from kilonova.billing.invoice.document import digest
from kilonova.billing.month import Month
from kilonova.billing.statement.desk import month_statement
from kilonova.billing.statement.idle import IdleTerms
from kilonova.billing.statement.loaded import loaded_costs
from kilonova.billing.statement.profit_and_loss import draw_up
from kilonova.billing.statement.reading import Span, Terms, read_sheet
from kilonova.core.books import LedgerView
from kilonova.core.corrections import Closing
from kilonova.core.errors import InvalidRequest, NotFound
from kilonova.core.model import Price
from kilonova.core.statement import Statement, StatementOrder
from kilonova.core.usage import Cost
from kilonova.stores.memory import MemoryStore
from kilonova.stores.sql.store import SqlStore
from ledger_samples import DAY_MS, PRICE, hold, record, used

Store = MemoryStore | SqlStore

# 2026-10-01 and 2026-11-01, and noon of 23 November.
OCTOBER_MS, NOVEMBER_MS = 1_790_812_800_000, 1_793_491_200_000
NOW_MS = NOVEMBER_MS + 22 * DAY_MS + DAY_MS // 2
RATES = Rates(
    from_ms=0,
    capital_year_nano=10**13,
    upkeep_year_nano=3 * 10**11,
    idle_uw=20_000_000,
    dynamic_uw=80_000_000,
    pue_ppm=1_000_000,
    kwh_nano=150_000_000,
    grid_ug_kwh=50_000_000,
)
MACHINE = Resource(name="machine", currency="USD", rates=(RATES,))
TERMS = Terms(resources={"machine": MACHINE})


async def sell(
    store: Store, number: int, finished_ms: int, owner: str = "1", price: Price = PRICE
) -> None:
    """A request that kept the machine busy for a millisecond."""
    held = replace(
        hold(f"req_{number:03}", owner=owner, price=price), started_ms=finished_ms - 2000
    )
    await store.ledger.reserve(held)
    cost = Cost(
        resource="machine",
        currency="USD",
        busy_ns=10**6,
        marginal_nano=3_333 + number,
        direct_nano=320_000 + 7 * number,
        energy_uj=80_000_000,
        basis="modelled",
    )
    done = record(held, used(100 + number), finished_ms=finished_ms, price=price)
    done = replace(done, started_ms=held.started_ms, cost=cost)
    await store.ledger.settle(done)


def ask(view: LedgerView, **changes: object) -> Statement:
    """The one statement there is."""
    order = StatementOrder(**changes)  # type: ignore[arg-type]
    (statement,) = draw_up(view, order, terms=TERMS, now_ms=NOW_MS)
    return statement


async def test_a_month_and_what_came_before(store: Store) -> None:
    """Protects growth: October is counted from the day of the first request, November until now."""
    for number in range(4):
        await sell(store, number, OCTOBER_MS + 20 * DAY_MS + number)
    for number in range(4, 10):
        await sell(store, number, NOVEMBER_MS + number * DAY_MS)
    with store.book.snapshot() as view:
        october = ask(view, period="2026-10")
        november = ask(view)
    from_first = OCTOBER_MS + 20 * DAY_MS
    cost = resource_cost(MACHINE, since_ms=from_first, until_ms=NOVEMBER_MS)
    assert october.resources[0].total_nano == cost.fixed_nano + sum(range(3_333, 3_337))
    assert (october.total.before, october.total.year_before) == (None, None)
    assert (november.period, november.is_running, november.until_ms) == ("2026-11", True, NOW_MS)
    # As much of October as there is of November: until noon of the 23rd, and it has four requests.
    assert november.total.before is not None
    assert november.total.before.requests == 4
    assert november.total.amounts.requests == 6
    until_noon = OCTOBER_MS + (NOW_MS - NOVEMBER_MS)
    assert november.total.before.cost_nano < cost.total_nano
    span = resource_cost(MACHINE, since_ms=from_first, until_ms=until_noon)
    assert november.total.before.cost_nano == span.fixed_nano + sum(range(3_333, 3_337))


async def test_every_request_knows_its_loaded_cost(store: Store) -> None:
    """Protects conservation: loaded costs of all requests and the platform's are the machine's."""
    for number in range(50):
        await sell(store, number, NOVEMBER_MS + number * 7_654_321, owner=str(number % 3))
    span = Span(NOVEMBER_MS, NOVEMBER_MS + 30 * DAY_MS, NOVEMBER_MS + 30 * DAY_MS)
    for policy, reserved in (
        ("proportional", {}),
        ("platform", {}),
        ("reserved", {"org_1": 300_000, "org_9": 100_000}),
    ):
        terms = replace(TERMS, idle=IdleTerms(policy, reserved))  # type: ignore[arg-type]
        with store.book.snapshot() as view:
            sheet = read_sheet(view, span, terms=terms)
            loaded = list(loaded_costs(view, span, sheet))
        absent = sum(nano for _, _, nano in sheet.absent)
        whole = sum(each.loaded_nano for each in loaded) + absent + sheet.platform["USD"]
        assert whole == sheet.costs["machine", "USD"].total_nano
        assert [each.request_id for each in loaded] == sorted(each.request_id for each in loaded)
        assert all(each.loaded_nano >= each.direct_nano for each in loaded)


async def test_days_and_hours_add_up(store: Store) -> None:
    """Protects the pictures: they show the statement, day by day and hour by hour."""
    for number in range(20):
        await sell(store, number, NOVEMBER_MS + number * 7_654_321)
    with store.book.snapshot() as view:
        statement = ask(view, period="2026-11", has_moments=True)
    days, whole = statement.days, statement.total.amounts
    assert (days[0].at, days[-1].at, len(days)) == ("2026-11-01", "2026-11-23", 23)
    assert sum(day.revenue_nano for day in days) == whole.revenue_nano
    assert sum(day.cost_nano for day in days) == whole.cost_nano
    assert [hour.at for hour in statement.hours] == [f"{hour:02}" for hour in range(24)]
    assert sum(hour.requests for hour in statement.hours) == 20


async def test_books_without_a_request(store: Store) -> None:
    """Protects a fresh installation: nothing was sold, and nothing is charged to it."""
    with store.book.snapshot() as view:
        statement = ask(view)
    assert statement.currency == "USD"
    assert (statement.segments, statement.total.amounts.cost_nano) == ((), 0)


@pytest.mark.parametrize(
    ("order", "error"),
    [
        (StatementOrder(period="2027-01"), InvalidRequest),
        (StatementOrder(first="2026-11-01"), InvalidRequest),
        (StatementOrder(period="2026-11", first="2026-11-01", end="2026-11-02"), InvalidRequest),
        (StatementOrder(currency="CHF"), NotFound),
    ],
)
async def test_what_cannot_be_stated(
    store: Store, order: StatementOrder, error: type[Exception]
) -> None:
    """Protects the reader from a statement of something else."""
    await sell(store, 1, NOVEMBER_MS)
    with store.book.snapshot() as view, pytest.raises(error):
        draw_up(view, order, terms=TERMS, now_ms=NOW_MS)


async def test_a_closed_month_says_what_it_said(store: Store) -> None:
    """Protects closed months: a machine that is dearer today changes nothing of them."""
    # Free, so that the month has no invoice.
    await sell(store, 1, OCTOBER_MS + DAY_MS, price=Price())
    await sell(store, 2, NOVEMBER_MS + DAY_MS)
    with store.book.snapshot() as view:
        document = month_statement(TERMS)(view, Month(2026, 10), "platform")
    content = FrozenMonth(
        period="2026-10", policy="platform", invoices=(), statement=msgspec.Raw(document)
    )
    written = msgspec.json.encode(content)
    closing = Closing(period="2026-10", closed_ms=NOW_MS, sha256=digest(written), document=written)
    await store.corrections.close_month(closing, (), ())
    dearer = replace(MACHINE, rates=(replace(RATES, capital_year_nano=10**14),))
    terms = Terms(resources={"machine": dearer})
    with store.book.snapshot() as view:
        (before,) = draw_up(view, StatementOrder(period="2026-10"), terms=terms, now_ms=NOW_MS)
        order = StatementOrder(period="2026-10", idle="proportional", has_moments=True)
        (after,) = draw_up(view, order, terms=terms, now_ms=NOW_MS)
        (by_engine,) = draw_up(
            view, StatementOrder(by="engine", period="2026-10"), terms=terms, now_ms=NOW_MS
        )
    assert before.idle == by_engine.idle == "platform"
    assert by_engine.total == before.total
    assert before.total.amounts.cost_nano == sum(line.total_nano for line in before.resources)
    assert after.total.amounts.cost_nano > 9 * before.total.amounts.cost_nano
    assert len(after.days) == 31


async def test_a_closed_month_of_one_organisation_says_what_it_said(store: Store) -> None:
    """Protects members of an organisation: their statement of a closed month adds up to the frozen
    one, whatever the machine costs today."""
    for number, owner in ((1, "1"), (2, "2"), (3, "2")):
        await sell(store, number, OCTOBER_MS + DAY_MS, owner, price=Price())
    with store.book.snapshot() as view:
        document = month_statement(TERMS)(view, Month(2026, 10), "proportional")
    content = FrozenMonth(
        period="2026-10", policy="proportional", invoices=(), statement=msgspec.Raw(document)
    )
    written = msgspec.json.encode(content)
    closing = Closing(period="2026-10", closed_ms=NOW_MS, sha256=digest(written), document=written)
    await store.corrections.close_month(closing, (), ())
    dearer = replace(MACHINE, rates=(replace(RATES, capital_year_nano=10**14),))
    terms = Terms(resources={"machine": dearer}, idle=IdleTerms(policy="platform"))
    order = StatementOrder(period="2026-10", by="organisation")
    frozen = {each.id: each.amounts for each in _frozen(store, terms, order).segments}
    assert len(frozen) == 2
    for owner, amounts in frozen.items():
        one = _frozen(store, terms, replace(order, by="model", organisation_id=owner))
        assert one.total.amounts == amounts
        assert one.idle == "proportional"


def _frozen(store: Store, terms: Terms, order: StatementOrder) -> Statement:
    with store.book.snapshot() as view:
        (statement,) = draw_up(view, order, terms=terms, now_ms=NOW_MS)
    return statement


def test_a_policy_that_is_none(store: Store) -> None:
    """Protects the closing of a month: the name of the policy is checked, and named."""
    with store.book.snapshot() as view, pytest.raises(InvalidRequest, match="none of"):
        month_statement(TERMS)(view, Month(2026, 10), "generous")
