"""Sums of usage: what the durable store keeps by the hour is what its records add up to."""

import random

import pytest
from msgspec.structs import replace

from kilonova.billing.verify import verify
from kilonova.core.books import Grouping, UsageFilter, UsageSum
from kilonova.core.model import Price
from kilonova.core.ports import Hold
from kilonova.core.tally import HOUR_MS
from kilonova.core.usage import Cost, UsageRecord
from kilonova.stores.memory import MemoryStore
from kilonova.stores.sql.store import SqlStore
from ledger_samples import DAY_MS, START_MS, hold, record, used

Store = MemoryStore | SqlStore

DISCOUNTED = Price(input=150_333, output=600_777, version="v2", discount_ppm=123_457)
GROUPINGS: list[tuple[Grouping, ...]] = [
    (),
    ("model",),
    ("organisation", "month"),
    ("engine", "resource", "cost_basis"),
    ("dialect", "service_tier"),
    ("hour",),
    ("day",),
    ("month", "key"),
    ("hour", "project"),
]
# Whole hours, cut hours, one cut hour, nothing, and everything.
HOUR = START_MS // HOUR_MS * HOUR_MS
SPANS = [
    (0, 2**62),
    (HOUR, HOUR + DAY_MS),
    (HOUR + 1_000_000, HOUR + 40 * HOUR_MS + 1_234_567),
    (HOUR + 600_000, HOUR + 1_200_000),
    (HOUR + 600_000, HOUR + HOUR_MS + 600_000),
    (HOUR + 90 * DAY_MS, HOUR + 91 * DAY_MS),
]


def made(number: int, dice: random.Random) -> tuple[Hold, UsageRecord]:
    """A request of somebody, at some time of 40 days, with or without a known cost."""
    owner = dice.randrange(3)
    price = Price(currency="EUR", input=99, version="v3") if owner == 2 else DISCOUNTED
    finished_ms = START_MS + dice.randrange(40 * DAY_MS)
    engine, tier = dice.choice(["spark", "vllm"]), dice.choice(["default", "flex"])
    held = replace(
        hold(f"req_{number:04}", owner=str(owner), price=price),
        started_ms=finished_ms - 900,
        dialect=dice.choice(["one", "two"]),
        engine=engine,
        service_tier=tier,
    )
    known = Cost(
        resource="machine",
        currency=dice.choice(["USD", price.currency]),
        busy_ns=dice.randrange(8 * 10**8),
        marginal_nano=dice.randrange(10**6),
        direct_nano=10**6 + dice.randrange(10**6),
        energy_uj=dice.randrange(10**6),
        co2_ug=dice.randrange(10**6),
        basis="modelled",
    )
    done = record(held, used(dice.randrange(500)), finished_ms=finished_ms, price=price)
    cost = dice.choice([Cost(), known])
    return held, replace(
        done, started_ms=held.started_ms, engine=engine, service_tier=tier, cost=cost
    )


async def fill(store: Store, requests: int = 300) -> list[tuple[Hold, UsageRecord]]:
    """The same requests in every store."""
    dice = random.Random(5)
    written = [made(number, dice) for number in range(requests)]
    for held, done in written:
        await store.ledger.reserve(held)
        await store.ledger.settle(done)
    return written


def _direct(written: list[tuple[Hold, UsageRecord]], chosen: UsageFilter) -> dict[str, int]:
    """The totals of the chosen requests, added up here."""
    totals = dict.fromkeys(("requests", "output", "price", "list", "direct", "energy"), 0)
    for held, done in written:
        if chosen.organisation_id not in (None, done.organisation_id):
            continue
        if chosen.since_ms <= done.finished_ms < chosen.until_ms:
            totals["requests"] += 1
            totals["output"] += done.usage.output_tokens
            totals["price"] += done.price_nano
            totals["list"] += held.price.list_charge(done.usage)
            totals["direct"] += done.cost.direct_nano
            totals["energy"] += done.cost.energy_uj
    return totals


def _added(lines: list[UsageSum]) -> dict[str, int]:
    return {
        "requests": sum(line.requests for line in lines),
        "output": sum(line.usage.output_tokens for line in lines),
        "price": sum(line.price_nano for line in lines),
        "list": sum(line.list_nano for line in lines),
        "direct": sum(line.direct_nano for line in lines),
        "energy": sum(line.energy_uj for line in lines),
    }


async def test_every_grouping_adds_up_to_the_records(store: Store) -> None:
    """Protects every report: in whole hours and cut ones, of everybody and of one organisation."""
    written = await fill(store)
    with store.book.snapshot() as view:
        for since_ms, until_ms in SPANS:
            for owner in (None, "org_1"):
                chosen = UsageFilter(organisation_id=owner, since_ms=since_ms, until_ms=until_ms)
                for grouping in GROUPINGS:
                    lines = view.usage(chosen, grouping)
                    assert _added(lines) == _direct(written, chosen)
                    places = [(line.group, line.currency, line.cost_currency) for line in lines]
                    assert places == sorted(set(places))
    assert verify(store.book) == []


async def test_times_are_written_in_utc(store: Store) -> None:
    """Protects readers of a report by time: one form, and no line twice."""
    await fill(store, 1)
    with store.book.snapshot() as view:
        ((line,), (day,), (month,)) = (
            view.usage(UsageFilter(), (name,))
            for name in ("hour", "day", "month")  # type: ignore[arg-type]
        )
    assert line.group[0].startswith(day.group[0] + "T")
    assert len(line.group[0]) == len("2026-11-23T08")
    assert day.group[0].startswith(month.group[0])


async def test_a_cost_that_is_not_known_makes_no_line_of_its_own(store: Store) -> None:
    """Protects reports from lines that differ in nothing that can be seen."""
    for number, cost in enumerate((Cost(), Cost(currency="USD", direct_nano=7, resource="m"))):
        held = hold(f"req_{number}")
        await store.ledger.reserve(held)
        await store.ledger.settle(replace(record(held, used(1)), cost=cost))
    with store.book.snapshot() as view:
        (line,) = view.usage(UsageFilter(), ())
    assert (line.requests, line.cost_currency, line.direct_nano) == (2, "USD", 7)


async def test_both_stores_say_the_same(store: Store) -> None:
    """Protects the reference: the store in memory adds up records, and keeps no sums."""
    await fill(store, 60)
    other = MemoryStore(store.ledger._posting)
    await fill(other, 60)
    with store.book.snapshot() as one, other.book.snapshot() as two:
        for grouping in GROUPINGS:
            assert one.usage(UsageFilter(), grouping) == two.usage(UsageFilter(), grouping)
        assert sorted(one.hours()) == sorted(two.hours())
        chosen = UsageFilter(since_ms=HOUR, until_ms=HOUR + 9 * DAY_MS)
        assert list(one.ended(chosen)) == list(two.ended(chosen))


@pytest.mark.parametrize("owner", [None, "org_1"])
async def test_what_ended_in_a_span(store: Store, owner: str | None) -> None:
    """Protects the loaded costs of a period: each request of it once, in order."""
    written = await fill(store, 60)
    chosen = UsageFilter(organisation_id=owner, since_ms=START_MS, until_ms=START_MS + 9 * DAY_MS)
    with store.book.snapshot() as view:
        found = [booked.record.request_id for booked in view.ended(chosen)]
    assert found == [
        done.request_id
        for _, done in written
        if owner in (None, done.organisation_id)
        and chosen.since_ms <= done.finished_ms < chosen.until_ms
    ]
