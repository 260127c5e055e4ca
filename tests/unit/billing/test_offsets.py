"""Allowances and credits, against a reference that hands out every nano-unit one by one."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kilonova.billing.offsets import Dues, offsets
from kilonova.core.corrections import Adjustment
from kilonova.core.money import apportion

END = 100


def granted(kind: str, amount: int, *, number: int = 0, ends: int | None = None) -> Adjustment:
    return Adjustment(
        id=f"adj_{number}",
        organisation_id="org_1",
        kind=kind,  # type: ignore[arg-type]
        amount_nano=amount,
        currency="USD",
        reason="test",
        booked_ms=number,
        expires_ms=ends,
    )


def owing(*charges: tuple[int, int], given_back: int = 0, tokens: int = 1) -> Dues:
    """Charges as pairs of a moment and an amount."""
    total = sum(amount for _, amount in charges)
    return Dues(
        charged_nano=total,
        net_nano=total - given_back,
        tokens=tokens,
        until_ms=END,
        charged_before=lambda end: sum(amount for at, amount in charges if at < end),
    )


def test_the_oldest_credit_goes_first() -> None:
    """Protects what a customer was promised longest: it is used before what came later."""
    promised = [granted("credit", 30, number=1), granted("credit", 30, number=2)]
    used = offsets(owing((5, 40)), None, [(each, 30) for each in promised])
    assert [(each.source.id, each.amount_nano) for each in used] == [("adj_1", 30), ("adj_2", 10)]


def test_a_credit_covers_only_what_was_charged_before_its_end() -> None:
    """Protects the provider: two credits that end early do not cover one early charge twice."""
    promised = [granted("credit", 10, number=n, ends=50) for n in (1, 2)]
    used = offsets(owing((10, 10), (60, 90)), None, [(each, 10) for each in promised])
    assert [(each.source.id, each.amount_nano) for each in used] == [("adj_1", 10)]


def test_the_charges_before_a_moment_are_asked_for_once() -> None:
    """Protects closing from months of many credits: each of these answers reads the ledger."""
    asked: list[int] = []

    def charged_before(end: int) -> int:
        asked.append(end)
        return 10 * end

    promised = [granted("credit", 5, number=n, ends=60 - n) for n in range(1, 60)]
    due = replace(owing((5, 1000)), charged_before=charged_before)
    used = offsets(due, None, [(each, 5) for each in promised])
    assert sum(each.amount_nano for each in used) == 5 * len(promised)
    assert len(asked) == len(set(asked))


def test_free_tokens_are_worth_the_average_of_the_month() -> None:
    """Protects the arithmetic of a token allowance: 250 of 1,000 tokens are a quarter of it."""
    allowance = replace(granted("allowance", 5), tokens=250)
    used = offsets(owing((5, 1000), tokens=1000), allowance, [])
    assert [each.amount_nano for each in used] == [255]


@settings(max_examples=300, deadline=None)
@given(
    charges=st.lists(st.tuples(st.integers(0, END - 1), st.integers(0, 20)), max_size=8),
    promised=st.lists(
        st.tuples(st.integers(1, 30), st.none() | st.integers(1, END + 20)), max_size=5
    ),
    allowance=st.none() | st.integers(0, 30),
    given_back=st.integers(0, 10),
)
def test_nothing_is_offset_twice(
    charges: list[tuple[int, int]],
    promised: list[tuple[int, int | None]],
    allowance: int | None,
    given_back: int,
) -> None:
    """Protects both sides: never more than there is to pay, never more than was granted, and what
    ends early covers early charges alone; and nothing usable is left where something is to pay."""
    due = owing(*charges, given_back=given_back)
    terms = None if allowance is None else granted("allowance", allowance)
    offered = [
        (granted("credit", amount, number=number, ends=ends), amount)
        for number, (amount, ends) in enumerate(promised, 1)
    ]
    used = offsets(due, terms, offered)
    assert sum(each.amount_nano for each in used) <= max(0, due.net_nano)
    taken = {each.source.id: each.amount_nano for each in used}
    assert all(taken.get(credit.id, 0) <= left for credit, left in offered)
    for end in range(END):
        early = [c.id for c, _ in offered if c.expires_ms is not None and c.expires_ms <= end]
        assert sum(taken.get(name, 0) for name in early) <= due.charged_before(end)
    lasting = [each for each, _ in offered if each.expires_ms is None or each.expires_ms >= END]
    left = due.net_nano - sum(taken.values())
    for credit in lasting:
        assert left <= 0 or taken.get(credit.id, 0) == credit.amount_nano


@given(total=st.integers(-(10**20), 10**20), weights=st.lists(st.integers(0, 10**15), min_size=1))
def test_shares_add_up(total: int, weights: list[int]) -> None:
    """Protects every sum on an invoice: shares are exact in all, and each within one of fair."""
    shares = apportion(total, weights)
    assert sum(shares) == total
    whole = sum(weights)
    if whole:
        for share, weight in zip(shares, weights, strict=True):
            assert abs(share * whole - total * weight) < whole
